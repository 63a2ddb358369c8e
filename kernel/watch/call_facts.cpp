#include "kernel/watch/call_facts.hpp"

#include "kernel/exchange.hpp"
#include "kernel/hooks/library.hpp"

namespace cleat::watch {

void read_call(const hooks::CallStamp& stamp, CallFacts& facts) {
  const hooks::Instance* const instance = stamp.instance;
  const char* const loading = stamp.loading;
  if (instance != nullptr) {
    facts.instance = instance->name;
    facts.instance_generation = instance->generation;
    if (instance->library != nullptr) facts.file = instance->library->file();
  } else if (loading != nullptr) {
    facts.file = loading;
  } else {
    return;
  }
  facts.hook = stamp.hook;
  const Exchange* const x = stamp.exchange;
  if (x == nullptr) return;
  facts.exchange = x->handle();
  if (x->home != nullptr) facts.generation = x->home->generation->id;
}

void read_exchange(const hooks::CallStamp& stamp, ExchangeFacts& facts) {
  const Exchange* const x = stamp.exchange;
  if (x == nullptr) return;
  facts.request_id = x->request_id;
  facts.method = x->request.method;
  facts.target = x->request.target;
}

}  // namespace cleat::watch
