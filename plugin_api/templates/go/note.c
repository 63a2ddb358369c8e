/* The note: what the host reads, and agrees upon, before it loads this file. Keys: plugin_api/plugin.h. */
#define TEXT "name=@NAME@\nversion=0.1.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.metrics/1\nabout=greets\n"

__attribute__((used, section(".note.cleat"), aligned(4))) static const struct {
  unsigned name_size, text_size, type;
  char name[8], text[(sizeof(TEXT) + 3) / 4 * 4];
} note = {6, (sizeof(TEXT) + 3) / 4 * 4, 1, "Cleat", TEXT};
