// Runs a fuzz target without libFuzzer, so that every build replays the corpus: each file as it is, then a fixed number of
// mutations of it. Deterministic: the same files give the same inputs on every machine. On a crash it says which input it
// was, and leaves it in crash-<target> in the working directory.
//
//   <target> <corpus folder or file>... [--mutations N]

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr unsigned kMutationsDefault = 200; // for each corpus file
constexpr std::size_t kInputBytesMax = 1 << 20;

// What is being run, for the crash report. One thread.
std::string current_name;
const Bytes* current_input = nullptr;
std::string crash_path;

void report_crash() {
  if (current_input == nullptr) return;
  const Bytes* input = current_input;
  current_input = nullptr; // an abort may follow a sanitizer's report
  std::fprintf(stderr, "replay: died on %s (%zu bytes), kept in %s\n", current_name.c_str(), input->size(), crash_path.c_str());
  if (std::FILE* out = std::fopen(crash_path.c_str(), "wb")) {
    std::fwrite(input->data(), 1, input->size(), out);
    std::fclose(out);
  }
}

void on_abort(int) { report_crash(); } // returning lets abort() go on to kill the process

void run(const std::string& name, const Bytes& input) {
  // A heap block of the exact size, so that ASan sees a read one byte past the end.
  const Bytes exact(input.begin(), input.end());
  current_name = name;
  current_input = &exact;
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  current_input = nullptr;
}

// The usual small damage: bits, bytes, cuts, repeats, and pieces of another input.
Bytes mutate(const Bytes& seed, const std::vector<Bytes>& corpus, std::mt19937_64& random) {
  static const std::string kTokens[] = {"\r\n", "\r\n\r\n", "\n", ":", " ", "\t", "0", "-1", "4294967296", "18446744073709551616",
                                        "chunked", "Content-Length: ", std::string(1, '\0'), "\xff"};
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random() % bound); };
  const auto at = [](Bytes& bytes, std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };

  Bytes out = seed;
  for (std::size_t left = 1 + below(4); left > 0; --left) {
    const std::size_t where = below(out.size() + 1);
    const std::size_t count = std::min(out.size() - where, 1 + below(16));
    switch (below(7)) {
      case 0:
        if (where < out.size()) out[where] = static_cast<std::uint8_t>(out[where] ^ (1U << below(8)));
        break;
      case 1:
        if (where < out.size()) out[where] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        out.resize(where);
        break;
      case 3:
        out.erase(at(out, where), at(out, where + count));
        break;
      case 4: {
        const Bytes piece(at(out, where), at(out, where + count));
        out.insert(at(out, where), piece.begin(), piece.end());
        break;
      }
      case 5: {
        const std::string& token = kTokens[below(std::size(kTokens))];
        out.insert(at(out, where), token.begin(), token.end());
        break;
      }
      default: {
        const Bytes& other = corpus[below(corpus.size())];
        out.resize(where);
        const std::size_t from = below(other.size() + 1);
        out.insert(out.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  if (out.size() > kInputBytesMax) out.resize(kInputBytesMax);
  return out;
}

} // namespace

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (LLVMFuzzerInitialize) LLVMFuzzerInitialize(&argc, &argv);

  unsigned mutations = kMutationsDefault;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--mutations" && i + 1 < argc) {
      mutations = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (fs::is_directory(argument)) {
      for (const auto& entry : fs::recursive_directory_iterator(argument)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (fs::is_regular_file(argument)) {
      files.emplace_back(argument);
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "replay: no corpus file; put at least one seed into tests/fuzz/corpus/<name>/\n");
    return 1;
  }

  crash_path = "crash-" + fs::path(argv[0]).filename().string();
  std::signal(SIGABRT, on_abort);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(report_crash);

  std::vector<Bytes> corpus;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    run(file.string(), corpus.back());
  }
  run("(empty)", {});

  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    for (unsigned n = 0; n < mutations; ++n) {
      run(files[i].string() + ", mutation " + std::to_string(n), mutate(corpus[i], corpus, random));
    }
  }
  std::printf("replay: %zu files, %u mutations of each\n", files.size(), mutations);
  return 0;
}
