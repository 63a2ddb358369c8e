/* cleat.config_source/1 (draft): configuration from elsewhere than the file. NOT IN 0.9: find() answers NULL for this id, which is reserved.
 *
 * Will give: a transaction that stages listeners, routes, clusters, endpoints and secrets as text of the configuration's own
 * schema, and commits them all at once; accepted, or refused with the reasons and where, in which case nothing changed;
 * the version that is in force; many sources beside each other, each the owner of its names.
 * For: xDS (what it acknowledges and refuses), service registries, Kubernetes. */
#ifndef CLEAT_EXT_DRAFT_CONFIG_SOURCE_H
#define CLEAT_EXT_DRAFT_CONFIG_SOURCE_H
#include "../../types.h"

#define CLEAT_EXT_CONFIG_SOURCE "cleat.config_source/1"

#endif
