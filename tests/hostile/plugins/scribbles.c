/* In a process of its own (isolation: process): writes into what it shares with the kernel. x-scribble: socket | size | answer | ring | position. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

HOSTILE_NOTE("scribbles", "");

#define SOCKET 3
#define MEMORY 4

static void into_the_socket(const void *bytes, size_t size) {
  if (write(SOCKET, bytes, size) < 0) return;
}

/* The memory is, for each worker: a ring to this process, a ring from it; each 192 bytes of positions and a power of two behind them. */
static void into_the_ring(const char *how) {
  struct stat about;
  if (fstat(MEMORY, &about) != 0) return;
  char *const all = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
  if (all == MAP_FAILED) return;
  char *const from = all + (size_t)about.st_size / 2; /* one worker: the second half */
  if (strcmp(how, "ring") == 0) memset(from + 192, 0x7e, 64 * 1024);
  if (strcmp(how, "position") == 0) memset(from, 0x7f, 8);
  if (strcmp(how, "ring") == 0) { /* and it says that there is more of it */
    uint64_t written;
    memcpy(&written, from, sizeof written);
    written += 4096;
    memcpy(from, &written, sizeof written);
  }
  if (ftruncate(MEMORY, 0) == 0) into_the_socket("", 1); /* sealed: it cannot be */
  const uint64_t one = 1;
  into_the_socket("", 0);
  if (write(6, &one, sizeof one) < 0) return;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  static const char frame[] = "\x20\x00\x00\x00 this is no frame of the protocol";
  static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff};
  /* The end of a handler's answer, which is for a ring: size, request, number, function 16, the exchange. */
  unsigned char answer[4 + 1 + 4 + 2 + 8] = {15, 0, 0, 0, 0, 9, 0, 0, 0, 16, 0};
  const cleat_str how = asked(x, "x-scribble");
  (void)instance;
  if (is(how, "socket")) into_the_socket(frame, sizeof frame);
  if (is(how, "size")) into_the_socket(huge, sizeof huge);
  memcpy(answer + 11, &x, sizeof x);
  if (is(how, "answer")) into_the_socket(answer, sizeof answer);
  if (is(how, "ring")) into_the_ring("ring");
  if (is(how, "position")) into_the_ring("position");
  if (how.size != 0) sleep(5); /* it is killed in here */
  return CLEAT_CONTINUE;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
