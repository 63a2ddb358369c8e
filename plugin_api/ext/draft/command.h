/* cleat.command/1 (draft): a word of the command line from a plugin. NOT IN 0.9: find() answers NULL for this id, which is reserved.
 *
 * Will give: name, one line of help, and a function of arguments that writes to standard output through the host and answers an exit
 * code; run in a process without listeners, before any generation is made.
 * For: `cleat <word>` that belongs to a plugin's subject: key tools, converters, manifests. */
#ifndef CLEAT_EXT_DRAFT_COMMAND_H
#define CLEAT_EXT_DRAFT_COMMAND_H
#include "../../types.h"

#define CLEAT_EXT_COMMAND "cleat.command/1"

#endif
