// How a process that hosts a plugin may end before its time: by a crash, or because the plugin calls exit(). Who hosts it is told on the way.
#pragma once

namespace cleat::kit {

// From now on: `tell` is called once with how the process ends ("SIGSEGV", "exit") and the hook that runs on that thread ("": none). In a
// signal's handler, so it may do no more than one may there. What would have happened without it happens afterwards.
void on_early_end(void (*tell)(const char* how, const char* hook));

// The end comes in time: nobody is told.
void end_is_due();

}  // namespace cleat::kit
