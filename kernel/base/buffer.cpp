#include "kernel/base/buffer.hpp"

#include <new>

namespace cleat {

void Buffer::grow(std::size_t size) {
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (capacity_ - end_ >= size) return;
  }
  std::size_t capacity = capacity_ == 0 ? 1024 : capacity_;
  while (capacity - end_ < size) capacity *= 2;
  char* data = static_cast<char*>(std::realloc(data_, capacity));
  if (data == nullptr) throw std::bad_alloc();
  data_ = data;
  capacity_ = capacity;
}

}  // namespace cleat
