// A handler's answer that is there as one text, written in pieces, as fast as downstream takes it, with turns for the worker's other
// connections in between. Lives in the exchange's state: drop() it in on_handle_end.
//
//   void pour(cleat::Exchange x, State& state) {
//     if (state.answer.pour(x.answer()) == cleat::LongAnswer::Next::kAgain && !post<&MyPlugin::more>(x)) x.answer().abort();
//   }
// and pour again in `more` and in on_writable.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "plugin_api/cpp/exchange.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

class LongAnswer {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;
  using Text = std::shared_ptr<const std::string>;  // shared: who asks for the same gets the same

  // kAgain: call again, once the worker has had a turn. kWait: at on_writable. kOver: it is finished, or the exchange is over.
  enum class Next { kAgain, kWait, kOver };

  bool held() const noexcept { return text_ != nullptr; }
  void hold(Text text) { text_ = new Text(std::move(text)); }  // once, after Answer::start
  void drop() noexcept { delete std::exchange(text_, nullptr); }

  // Finishes the answer with its last piece. REQUIRES: held.
  Next pour(Answer answer) noexcept {
    const std::string_view piece = std::string_view(**text_).substr(sent_, kPieceBytes);
    const auto accepted = answer.write(piece);
    if (!accepted) return Next::kOver;
    sent_ += *accepted;
    if (sent_ == (*text_)->size()) {
      answer.finish();
      return Next::kOver;
    }
    return *accepted == piece.size() ? Next::kAgain : Next::kWait;
  }

 private:
  Text* text_ = nullptr;  // states have no destructor
  std::size_t sent_ = 0;
};

CLEAT_CPP_NAMESPACE_END
