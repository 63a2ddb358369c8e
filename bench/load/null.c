/* null: the floor of what a proxy of this machine can cost. It moves bytes between a client's connection and one of its own to the origin, and
 * parses nothing: one thread, edge-triggered epoll, one read and one write for each piece, which is at most 128 KiB.
 *
 *   null PORT ORIGIN_PORT          both on 127.0.0.1; answers "ready" on standard output */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 128 * 1024, EVENTS = 256 };

struct end {
  int fd;
  char *held; /* read from here, not taken by the other end yet; nothing more is read until it is */
  size_t held_at, held_end;
};

struct pair {
  struct end ends[2];
  bool over;
  struct pair *next_over;
};

static char piece[PIECE_BYTES];

/* Moves what there is from one end to the other. False: this direction has ended, and with it the pair. */
static bool move(struct end *from, struct end *to, bool hung_up) {
  while (from->held != NULL) {
    ssize_t sent = write(to->fd, from->held + from->held_at, from->held_end - from->held_at);
    if (sent < 0) return errno == EAGAIN;
    from->held_at += (size_t)sent;
    if (from->held_at < from->held_end) continue;
    free(from->held);
    from->held = NULL;
  }
  for (;;) {
    ssize_t got = read(from->fd, piece, sizeof piece);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    ssize_t sent = write(to->fd, piece, (size_t)got);
    if (sent < 0) {
      if (errno != EAGAIN) return false;
      sent = 0;
    }
    if (sent < got) {
      from->held = malloc((size_t)(got - sent));
      if (from->held == NULL) return false;
      from->held_at = 0;
      from->held_end = (size_t)(got - sent);
      memcpy(from->held, piece + sent, from->held_end);
      return true;
    }
    if ((size_t)got < sizeof piece && !hung_up) return true; /* drained: what comes later brings an event */
  }
}

static int listen_on(unsigned short port) {
  int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) return -1;
  return fd;
}

/* To the origin, connected: on loopback that takes no time. */
static int connect_to(unsigned short port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* An event's pointer is that of the pair, its lowest bit which end it is about. */
static void accept_all(int listening, int epoll, unsigned short origin) {
  int fd, yes = 1;
  while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    int other = connect_to(origin);
    struct pair *made = other < 0 ? NULL : calloc(1, sizeof *made);
    if (made == NULL) {
      close(fd);
      if (other >= 0) close(other);
      continue;
    }
    fcntl(other, F_SETFL, O_NONBLOCK);
    made->ends[0].fd = fd;
    made->ends[1].fd = other;
    for (size_t which = 0; which < 2; ++which) {
      setsockopt(made->ends[which].fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = (uint64_t)(uintptr_t)made | which};
      epoll_ctl(epoll, EPOLL_CTL_ADD, made->ends[which].fd, &event);
    }
  }
}

static bool handle(struct pair *one, size_t which, uint32_t events) {
  struct end *here = &one->ends[which], *there = &one->ends[1 - which];
  if ((events & EPOLLOUT) != 0 && there->held != NULL && !move(there, here, false)) return false;
  bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  return (events & EPOLLIN) == 0 && !hung_up ? true : move(here, there, hung_up);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: null PORT ORIGIN_PORT\n");
    return 2;
  }
  int listening = listen_on((unsigned short)atoi(arguments[1])), epoll = epoll_create1(0);
  unsigned short origin = (unsigned short)atoi(arguments[2]);
  if (listening < 0) {
    perror("null");
    return 1;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0}, events[EVENTS];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct pair *over = NULL; /* freed when no event of this batch can name them any more */
    int many = epoll_wait(epoll, events, EVENTS, -1);
    for (int each = 0; each < many; ++each) {
      if (events[each].data.u64 == 0) {
        accept_all(listening, epoll, origin);
        continue;
      }
      struct pair *one = (struct pair *)(uintptr_t)(events[each].data.u64 & ~(uint64_t)1);
      if (one->over || handle(one, events[each].data.u64 & 1, events[each].events)) continue;
      one->over = true;
      one->next_over = over;
      over = one;
    }
    while (over != NULL) {
      struct pair *one = over;
      over = one->next_over;
      for (int which = 0; which < 2; ++which) {
        close(one->ends[which].fd);
        free(one->ends[which].held);
      }
      free(one);
    }
  }
}
