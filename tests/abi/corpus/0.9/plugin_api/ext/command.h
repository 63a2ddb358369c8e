/* cleat.command/1: a word of the command line from a plugin: `cleat <word> ...`.
 *
 * The note names the words, so that `cleat --help` can list them without running anything:
 *   commands=word: one line of help; another: its help
 * A word is [a-z][a-z0-9-]*, at most 32 characters; at most 8 words. Words of the program itself come first; of several plugins
 * with one word, the first found in the plugin folders. */
#ifndef CLEAT_EXT_COMMAND_H
#define CLEAT_EXT_COMMAND_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_COMMAND "cleat.command/1"

#define CLEAT_STREAM_OUT UINT32_C(1)
#define CLEAT_STREAM_ERROR UINT32_C(2)

/* One run of a word. Everything in it lives until `run` returns. */
typedef struct cleat_command_call {
  uint32_t size;
  uint32_t reserved;
  cleat_str word;
  const cleat_str *arguments; /* what followed the word; each ends with a NUL beyond its size */
  uint64_t argument_count;
  /* Writes all of the text, unbuffered. CLEAT_FAILED: the stream is closed, nobody reads any more. */
  cleat_status (*write)(uint32_t stream, cleat_str text);
} cleat_command_call;

/* The plugin's half. */
typedef struct cleat_plugin_command {
  uint32_t size;
  uint32_t reserved;
  /* Runs the word and answers the exit code, 0..255, in a process that serves nothing: there are no instances, workers or
   * exchanges, and host functions that need one answer a failure. On the only thread; the plugin may do as it likes, and block. By
   * custom: 0 done, 1 it failed, 2 bad usage. */
  int32_t (*run)(const cleat_command_call *call);
} cleat_plugin_command;

#ifdef __cplusplus
}
#endif
#endif
