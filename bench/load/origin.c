/* origin: what stands behind every proxy that is measured: HTTP/1.1 on one thread, as little work for an answer as can be, so that the core
 * it shares with the load generator is not what is measured. It trusts its clients, which are proxies: no limits but its buffer's.
 *
 *   origin PORT          any address of this host; answers "ready" on standard output
 *
 *   GET /64k             65,536 bytes
 *   GET /head            the head of the request as it came
 *   GET /wait            nothing, until the connection ends
 *   GET anything else    128 bytes
 *   POST                 the body, which must have a Content-Length and fit into the buffer */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BUFFER_BYTES = 128 * 1024, SMALL_BYTES = 128, LARGE_BYTES = 64 * 1024, EVENTS = 256 };

struct connection {
  int fd;
  bool last;           /* to be closed when what is owed has been sent */
  size_t have;         /* bytes in `in` */
  char *owed;          /* what the peer did not take yet, NULL if nothing; nothing more is answered before it has gone */
  size_t owed_at, owed_end;
  char in[BUFFER_BYTES];
};

struct answer {
  char *text;
  size_t size;
};

static struct answer small, small_closing, large;

static struct answer prepare(size_t body_bytes, const char *fields) {
  struct answer made = {malloc(body_bytes + 256), 0};
  if (made.text == NULL) abort();
  int head = sprintf(made.text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n", fields, body_bytes);
  for (size_t at = 0; at < body_bytes; ++at) made.text[(size_t)head + at] = (char)('a' + at % 26);
  made.size = (size_t)head + body_bytes;
  return made;
}

/* Sends both parts, or keeps what the socket does not take. False: the connection is broken. */
static bool send_parts(struct connection *one, const char *head, size_t head_size, const char *body, size_t body_size) {
  struct iovec parts[2] = {{(char *)head, head_size}, {(char *)body, body_size}};
  ssize_t sent = writev(one->fd, parts, body_size == 0 ? 1 : 2);
  if (sent < 0) {
    if (errno != EAGAIN) return false;
    sent = 0;
  }
  size_t gone = (size_t)sent, all = head_size + body_size;
  if (gone == all) return true;
  one->owed = malloc(all - gone);
  if (one->owed == NULL) return false;
  size_t of_head = gone < head_size ? head_size - gone : 0;
  memcpy(one->owed, head + head_size - of_head, of_head);
  memcpy(one->owed + of_head, body + (gone > head_size ? gone - head_size : 0), all - gone - of_head);
  one->owed_at = 0;
  one->owed_end = all - gone;
  return true;
}

static bool send_owed(struct connection *one) {
  while (one->owed != NULL) {
    ssize_t sent = write(one->fd, one->owed + one->owed_at, one->owed_end - one->owed_at);
    if (sent < 0) return errno == EAGAIN;
    one->owed_at += (size_t)sent;
    if (one->owed_at == one->owed_end) {
      free(one->owed);
      one->owed = NULL;
    }
  }
  return !one->last;
}

/* As load generators write it, which the null proxy passes on; other proxies keep their connections to here. */
static bool asked_to_close(const char *head, size_t size) {
  for (const char *at = head; (at = memmem(at, size - (size_t)(at - head), "\r\nConnection:", 13)) != NULL; at += 13)
    if (strncasecmp(at + 13 + strspn(at + 13, " "), "close", 5) == 0) return true;
  return false;
}

/* The request at the buffer's beginning: how many bytes it had, 0 if it is not whole yet, -1 if there is no answer to it. */
static ssize_t answer_one(struct connection *one, char *in, size_t have) {
  char *end = memmem(in, have, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  end += 4;
  size_t head_size = (size_t)(end - in);
  char head[128];
  if (memcmp(in, "POST ", 5) == 0) {
    end[-1] = '\0';
    char *length = strcasestr(in, "\nContent-Length:");
    end[-1] = '\n';
    if (length == NULL) return -1;
    size_t body = strtoul(length + 16, NULL, 10);
    if (head_size + body > BUFFER_BYTES) return -1;
    if (have < head_size + body) return 0;
    int size = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
    return send_parts(one, head, (size_t)size, end, body) ? (ssize_t)(head_size + body) : -1;
  }
  if (memcmp(in, "GET /wait", 9) == 0) return (ssize_t)head_size;
  if (memcmp(in, "GET /head", 9) == 0) {
    int size = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", head_size);
    return send_parts(one, head, (size_t)size, in, head_size) ? (ssize_t)head_size : -1;
  }
  struct answer *chosen = &small;
  if (memcmp(in, "GET /64k", 8) == 0) {
    chosen = &large;
  } else if (asked_to_close(in, head_size)) {
    chosen = &small_closing;
    one->last = true;
  }
  if (!send_parts(one, chosen->text, chosen->size, NULL, 0)) return -1;
  return (ssize_t)head_size;
}

/* Answers what is whole and reads until there is nothing more. False: the connection has ended. */
static bool serve(struct connection *one, bool hung_up) {
  for (bool drained = false;;) {
    size_t used = 0;
    while (one->owed == NULL && !one->last && used < one->have) {
      ssize_t took = answer_one(one, one->in + used, one->have - used);
      if (took < 0) return false;
      if (took == 0) break;
      used += (size_t)took;
    }
    if (used != 0) memmove(one->in, one->in + used, one->have -= used);
    if (one->owed != NULL) return true; /* an event says when there is room */
    if (one->last) return false;
    if (drained) return true;
    size_t room = BUFFER_BYTES - one->have;
    if (room == 0) return false;
    ssize_t got = read(one->fd, one->in + one->have, room);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    one->have += (size_t)got;
    drained = (size_t)got < room && !hung_up; /* what comes later brings an event of its own */
  }
}

static void end(struct connection *one) {
  close(one->fd);
  free(one->owed);
  free(one);
}

static void accept_all(int listening, int epoll) {
  int fd, yes = 1;
  while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct connection *one = malloc(sizeof *one); /* its buffer is not touched before it is used */
    if (one == NULL) abort();
    one->fd = fd;
    one->last = false;
    one->have = 0;
    one->owed = NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = one};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: origin PORT\n");
    return 2;
  }
  int yes = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_ANY)};
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 4096) != 0) {
    perror("origin");
    return 1;
  }
  small = prepare(SMALL_BYTES, "");
  small_closing = prepare(SMALL_BYTES, "Connection: close\r\n");
  large = prepare(LARGE_BYTES, "");
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int many = epoll_wait(epoll, events, EVENTS, -1);
    for (int each = 0; each < many; ++each) {
      struct connection *one = events[each].data.ptr;
      if (one == NULL) {
        accept_all(listening, epoll);
      } else if (!send_owed(one) || !serve(one, (events[each].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)) {
        end(one);
      }
    }
  }
}
