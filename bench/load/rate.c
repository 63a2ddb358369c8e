/* rate: requests at a fixed rate, whatever becomes of those before (an open loop). Latency counts from when a request was due, so that a stall
 * is charged to all that it delayed; a client that waits for each answer before it asks again would not see them.
 *
 *   rate PORT PER_SECOND SECONDS CONNECTIONS          GET / of 127.0.0.1:PORT over HTTP/1.1; the first second is not counted
 *
 * Prints one JSON object; times in microseconds. A request waits while all connections are in use. `bad`: no 200 with 128 bytes;
 * `unanswered`: not within 5 s after the last was due. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 4096, BODY_BYTES = 128, EVENTS = 64, GRACE_S = 5 };

static const char kRequest[] = "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
static const int64_t kSecond = 1000000000;

struct connection {
  int fd;
  bool busy;
  int64_t due;  /* of the request it carries */
  bool counted;
  size_t have;
  char answer[ANSWER_BYTES_MAX + 1];
};

static int64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * kSecond + at.tv_nsec;
}

static void stop(const char *why) {
  fprintf(stderr, "rate: %s: %s\n", why, errno == 0 ? "the connection ended" : strerror(errno));
  exit(1);
}

static int connect_to(unsigned short port) {
  int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) stop("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/* Is the answer whole? Then *good says whether it is the right one. */
static bool whole(struct connection *one, bool *good) {
  one->answer[one->have] = '\0';
  char *body = strstr(one->answer, "\r\n\r\n");
  if (body == NULL) return false;
  body += 4;
  size_t body_bytes = one->have - (size_t)(body - one->answer);
  char *length = strcasestr(one->answer, "\nContent-Length:");
  if (length == NULL || length > body) stop("an answer without Content-Length");
  size_t wanted = strtoul(length + 16, NULL, 10);
  *good = strncmp(one->answer, "HTTP/1.1 200", 12) == 0 && wanted == BODY_BYTES && body_bytes == BODY_BYTES;
  return body_bytes >= wanted;
}

static int by_size(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

int main(int count, char **arguments) {
  if (count != 5 || atol(arguments[2]) < 1 || atol(arguments[3]) < 2 || atoi(arguments[4]) < 1) {
    fprintf(stderr, "usage: rate PORT PER_SECOND SECONDS CONNECTIONS, of 2 seconds or more\n");
    return 2;
  }
  long per_second = atol(arguments[2]), seconds = atol(arguments[3]), total = per_second * seconds;
  int connections = atoi(arguments[4]), idle_count = 0, epoll = epoll_create1(0);
  prctl(PR_SET_TIMERSLACK, 1UL); /* waits end when they should, not 50 us later */
  int64_t *samples = malloc((size_t)total * sizeof *samples);
  struct connection *all = calloc((size_t)connections, sizeof *all), **idle = calloc((size_t)connections, sizeof(struct connection *));
  if (samples == NULL || all == NULL || idle == NULL) abort();
  for (int each = 0; each < connections; ++each) {
    all[each].fd = connect_to((unsigned short)atoi(arguments[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[each]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, all[each].fd, &event);
    idle[idle_count++] = &all[each];
  }
  long asked = 0, answered = 0, kept = 0, bad = 0;
  int64_t begin = now() + kSecond / 100, gap = kSecond / per_second, end = begin + (seconds + GRACE_S) * kSecond, at;
  while (answered < total && (at = now()) < end) {
    while (asked < total && idle_count > 0 && begin + asked * gap <= at) {
      struct connection *one = idle[--idle_count];
      one->busy = true;
      one->due = begin + asked * gap;
      one->counted = asked >= per_second;
      one->have = 0;
      ++asked;
      if (write(one->fd, kRequest, sizeof kRequest - 1) != (ssize_t)(sizeof kRequest - 1)) stop("write");
    }
    int64_t wait = asked < total && idle_count > 0 ? begin + asked * gap - now() : end - at;
    if (wait < 0) wait = 0;
    struct timespec most = {wait / kSecond, wait % kSecond};
    struct epoll_event events[EVENTS];
    int many = epoll_pwait2(epoll, events, EVENTS, &most, NULL);
    for (int each = 0; each < many; ++each) {
      struct connection *one = events[each].data.ptr;
      errno = 0;
      ssize_t got = read(one->fd, one->answer + one->have, ANSWER_BYTES_MAX - one->have);
      if (got <= 0 || !one->busy) stop("read");
      one->have += (size_t)got;
      bool good;
      if (!whole(one, &good)) continue;
      if (!good) ++bad;
      if (one->counted) samples[kept++] = now() - one->due;
      one->busy = false;
      idle[idle_count++] = one;
      ++answered;
    }
  }
  if (kept == 0) {
    fprintf(stderr, "rate: no answer was counted\n");
    return 1;
  }
  qsort(samples, (size_t)kept, sizeof *samples, &by_size);
  printf("{\"requests\": %ld, \"bad\": %ld, \"unanswered\": %ld, ", answered, bad, total - answered);
  printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"most_us\": %.1f}\n", samples[(kept - 1) / 2] / 1e3, samples[(kept - 1) * 99 / 100] / 1e3,
         samples[kept - 1] / 1e3);
  free(samples);
  free(all);
  free(idle);
  return 0;
}
