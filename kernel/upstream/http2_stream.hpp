// Http2Stream: one request and its response on an Http2Session, for one requester. Hands on what the requester wants; keeps the rest within
// the stream's window. Owned by its session, which uses it again for other requesters: `life` names one use. One worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/upstream.hpp"
#include "kernel/upstream/http2_head.hpp"

namespace cleat::upstream {

class Http2Session;

class Http2Stream final : public Upstream {
 public:
  static constexpr std::size_t kOutBytesMax = 64 * 1024;  // of a request's body that wait for the peer's window: then `blocked`

  explicit Http2Stream(Http2Session& session) : session_(session) {}
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  // Upstream
  void send_head(const http::RequestHead& head, const http::RequestWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  void flush() override;
  bool blocked() const override { return !closed_ && out_.size() >= kOutBytesMax; }
  void pull() override;
  void enter_tunnel() override {}  // its bytes come as content does
  bool reused() const override { return (reused_ && !reset_by_peer_) || refused_; }  // a reset says nothing of a connection grown stale
  bool unsent() const override { return !head_sent_ || refused_; }
  bool response_begun() const override { return begun_; }
  void release(bool reusable) override;

  // --- for the session ---
  void serve(Requester& requester, bool reused);
  Requester* leave();                      // serves nobody from now on; whom it served
  bool serving() const { return requester_ != nullptr; }
  Requester* requester() const { return requester_; }
  std::uint64_t life() const { return life_; }
  std::int32_t id() const { return id_; }
  void deliver();                          // what the requester wants of what is here
  bool touched = false;                    // the session will deliver

  // --- what libnghttp2 tells, for the session ---
  void head_was_sent() { head_sent_ = true; }
  std::int64_t provide(std::size_t size_max, std::uint32_t& flags);  // of the body; as a data source's read callback answers
  std::string_view provided(std::size_t size) const { return out_.view().substr(0, size); }
  void consume_provided(std::size_t size);
  void fields_begin();
  void field(std::string_view name, std::string_view value);
  void invalid_field(std::string_view name, std::string_view value);  // libnghttp2 would leave it out
  void fields_end(bool last);
  void data(std::string_view data);
  void end();                              // the peer has ended it
  void closed(std::uint32_t error_code);
  void reset_by_peer() { reset_by_peer_ = true; }
  void refused();                          // it was not processed (RFC 9113 8.7)
  void connection_lost(std::uint32_t how, const char* reason);

 private:
  void malformed(const char* reason);
  void fail(std::uint32_t how, const char* reason);
  void hand_on(std::string_view data);
  void give_back();                        // memory

  Http2Session& session_;
  Requester* requester_ = nullptr;
  std::uint64_t life_ = 0;
  std::int32_t id_ = 0;                    // 0: nothing sent yet
  bool reused_ = false, refused_ = false;
  bool head_sent_ = false, has_body_ = false, end_given_ = false, end_sent_ = false, deferred_ = false, was_blocked_ = false;
  bool begun_ = false, final_head_ = false, head_ready_ = false, head_told_ = false;
  bool ended_ = false, closed_ = false, reset_by_peer_ = false, delivering_ = false;
  bool over_ = false;                      // its end was told
  std::uint32_t failure_ = 0;              // CLEAT_END_*, to be told
  const char* reason_ = "";
  bool websocket_ = false;  // an extended CONNECT was sent
  bool counted_ = false;                   // the response's content has a length that is known
  std::uint64_t body_left_ = 0;
  std::uint64_t heard_before_ = 0;         // of the session, when the request began
  ResponseFields fields_;
  http::Fields trailers_;                  // of the request
  Buffer out_, in_;
};

}  // namespace cleat::upstream
