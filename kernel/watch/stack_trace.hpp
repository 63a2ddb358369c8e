// Stacks: of the thread that a signal has interrupted, and, by a signal of our own, of another thread of ours.
#pragma once

#include <cstddef>
#include <string>

#include "kernel/watch/call_facts.hpp"
#include "kernel/watch/own_thread.hpp"

namespace cleat::watch {

inline constexpr std::size_t kFramesMax = 48;

struct Stack {
  void* frames[kFramesMax]{};
  std::size_t count = 0;
};

// [in a signal handler] Of what was interrupted. context: the handler's third argument.
void take_stack(void* context, Stack& stack);
std::uintptr_t interrupted_at(void* context);  // 0 where the machine is not known
std::uintptr_t returning_to(void* context);    // the same, of the caller of what has only just been called

struct Capture {
  CallFacts call;
  ExchangeFacts exchange;
  Stack stack;
};

void begin_captures();    // [control] before any thread is asked; loads what unwinding needs
int capture_signal();     // a real-time signal. A hook that is asked sees EINTR from calls that signals end, such as poll and nanosleep

// [the watchdog's thread] False when the thread does not answer, as one that waits in the kernel uninterruptibly.
bool capture(const OwnThread& thread, Capture& result);

// "blocks.so+0x11a9", "libc.so.6+0x3fe3 (usleep+0x33)". [any] Allocates.
std::string describe(void* frame);

}  // namespace cleat::watch
