// The pool's half for HTTP/2: sessions that have room stand in a list of their endpoint's, whether they are in use or idle.
#include <sys/epoll.h>

#include <algorithm>

#include "kernel/upstream/http2_session.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::upstream {

// The latest that got room: the others' streams run out, and they can end. `fresh`: not one that has been idle, or refused a stream.
Http2Session* Pool::session_with_room(const Endpoint& endpoint, std::string_view server_name, bool fresh) const {
  constexpr std::uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  const std::vector<Http2Session*>& sessions = endpoint.on_worker[worker_.index].with_room;
  for (std::size_t i = sessions.size(); i-- > 0;) {
    Http2Session& session = *sessions[i];
    if ((session.pending_events & kEnds) == 0 && session.server_name() == server_name && (!fresh || session.proven())) return &session;
  }
  return nullptr;
}

void Pool::note_room(Http2Session& session) {
  const bool room = session.has_room();
  if (room == session.listed) return;
  session.listed = room;
  std::vector<Http2Session*>& sessions = session.endpoint().on_worker[worker_.index].with_room;
  if (room) {
    sessions.push_back(&session);
    if (!waiting_.empty()) worker_.reactor.defer<&Pool::serve_waiting>(this);
  } else if (sessions.back() == &session) {
    sessions.pop_back();
  } else {
    std::erase(sessions, &session);
  }
}

void Pool::session_unused(Http2Session& session) {
  const config::Cluster& limits = cluster_->config;
  const bool removed = session.endpoint().removed.load(std::memory_order_relaxed);
  if (session.is_idle()) return;
  if (session.worn() || removed || worker_.draining || idle_.size() >= limits.idle_max) return session.end();
  session.idle(end_of(limits.idle_timeout, worker_.reactor.now_ms()));
  idle_.push_back(session);
  note_room(session);
  if (!waiting_.empty()) worker_.reactor.defer<&Pool::serve_waiting>(this);  // it makes room for another endpoint's
}

void Pool::wait_again(Requester& requester, const std::shared_ptr<Endpoint>& endpoint) {
  waiting_.push_back({&requester, endpoint});
  worker_.reactor.defer<&Pool::serve_waiting>(this);
}

}  // namespace cleat::upstream
