#define TEXT                                             \
  "name=extensions\nversion=1.0.0\nabi=0.9\nleast=0.9\n" \
  "requires=cleat.balancer/1 cleat.body/1 cleat.config/1 cleat.config_source/1 cleat.control/1 cleat.events/1 " \
  "cleat.handler/1 cleat.handover/1 cleat.http_call/1 cleat.kv/1 cleat.metrics/1 cleat.post/1 cleat.timer/1 cleat.tls/1\n" \
  "commands=ext-say: says its arguments; ext-fall: it panics\n"

__attribute__((used, section(".note.cleat"), aligned(4))) static const struct {
  unsigned name_size, text_size, type;
  char name[8], text[(sizeof(TEXT) + 3) / 4 * 4];
} note = {6, (sizeof(TEXT) + 3) / 4 * 4, 1, "Cleat", TEXT};
