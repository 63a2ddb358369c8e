// BodyPipe: one body on its way through the plugins that subscribed to it. Nobody subscribed: the bytes go straight to the
// exchange's sink, uncopied. Else each piece is copied once and taken through the chain from the cursor on, where a hook may
// change it, hold it back (SUSPEND) or gather it whole. Belongs to one exchange.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat {

class Exchange;

class BodyPipe {
 public:
  BodyPipe(Exchange& exchange, bool response) : exchange_(exchange), response_(response) {}

  void reset();
  void restart();                           // another body comes instead; subscriptions stay
  // `end`: this is the last piece; trailers, if any, are in the exchange. While a hook holds the body back only the end may come.
  void push(std::string_view data, bool end);
  void resume(std::uint32_t verdict);       // the suspended hook's answer
  bool idle() const { return !held_back_ && !done_; }  // may be pushed to
  bool done() const { return done_; }       // the last piece has left
  bool watched() const { return (stream | whole) != 0; }
  bool held_by(std::uint32_t position) const;  // the body hook of that place in the chain is the one that is suspended
  std::uint64_t visible() const;            // subscribed positions that still count

  std::uint64_t stream = 0, whole = 0;      // subscribers, by chain position
  std::uint64_t whole_max = 0;              // most bytes to gather: the least of the subscribers'
  Buffer piece;                             // at hand, inside a body hook
  bool in_hook = false;

 private:
  hooks::Hook body_hook() const { return response_ ? hooks::Hook::kResponseBody : hooks::Hook::kRequestBody; }
  hooks::Hook trailers_hook() const { return response_ ? hooks::Hook::kResponseTrailers : hooks::Hook::kRequestTrailers; }
  hooks::Hook hook() const { return in_trailers_ ? trailers_hook() : body_hook(); }  // whose turn it is
  bool has_trailers() const;
  void sink(std::string_view data, bool end);
  void run();
  void leave();
  void overflow();
  bool call(std::uint8_t position);         // false: held back or the exchange took another way

  Exchange& exchange_;
  const bool response_;
  bool end_ = false, held_back_ = false, done_ = false, in_trailers_ = false;
  bool end_later_ = false;                  // came while a hook held the body back
  std::uint8_t cursor_ = 0;
  Buffer gathered_;
};

}  // namespace cleat
