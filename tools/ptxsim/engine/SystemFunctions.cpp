// Functions that CUDA programs declare and the system provides: vprintf, malloc, free, __assertfail.
#include "engine/DeviceState.h"
#include "engine/Launch.h"
#include "engine/Memory.h"
#include "engine/SchedulerState.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace ptxsim {

namespace {

constexpr const char *kHeapLabel = "malloc in a kernel";
constexpr uint64_t kHeapBytes = uint64_t(2) << 30; ///< for all that malloc gives; a chip starts with 8 MiB
constexpr uint64_t kPageBytes = 4096;              ///< of the host, which the least allocation takes
constexpr size_t kMostText = 1 << 20;              ///< that one call reads or prints; as a chip's buffer for printf

/// The bytes of a device string, each checked up to the end. They lie in one piece. What is behind the first `most` is
/// left out.
llvm::StringRef deviceString(Thread &thread, const Site *site, uint64_t address, size_t most = kMostText) {
  if (address == 0)
    return "(null)";
  const char *start =
      reinterpret_cast<const char *>(resolve(thread, site, ptx::Space::Generic, address, 1, 1, Access::Read).host);
  size_t length = 0;
  while (length < most && start[length])
    resolve(thread, site, ptx::Space::Generic, address + ++length, 1, 1, Access::Read);
  return {start, length};
}

/// Text on its way to the standard output. Owns no memory: a bad pointer may end the launch in the middle.
class Output {
public:
  bool isFull() const { return total >= kMostText; }
  size_t room() const { return isFull() ? 0 : kMostText - total; }
  void add(llvm::StringRef text) {
    text = text.take_front(room());
    total += text.size();
    if (text.size() > sizeof buffer - used)
      flush();
    if (text.size() > sizeof buffer) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      return;
    }
    std::memcpy(buffer + used, text.data(), text.size());
    used += text.size();
  }
  void pad(int count) {
    for (; count > 0; --count)
      add(" ");
  }
  void flush() {
    std::fwrite(buffer, 1, used, stdout);
    used = 0;
  }

private:
  char buffer[8192];
  size_t used = 0, total = 0;
};

/// The arguments as CUDA packs them: each at its natural alignment, integers promoted to int, floats to double.
struct Arguments {
  Thread &thread;
  const Site *site;
  uint64_t address;
  uint64_t offset = 0;
  unsigned count = 0;

  template <class T> T next() {
    offset = (offset + sizeof(T) - 1) & ~uint64_t(sizeof(T) - 1);
    T value;
    std::memcpy(&value, resolve(thread, site, ptx::Space::Generic, address + offset, sizeof(T), 1, Access::Read).host,
                sizeof(T));
    offset += sizeof(T);
    ++count;
    return value;
  }
};

/// A conversion of a format, "%-8.3lld".
struct Conversion {
  static constexpr int kWidest = 4000; // of width and precision; longer ones are cut
  char flags[8] = {};
  int width = 0, precision = -1;
  bool isLong = false; ///< ll, l, j, z, t: 64 bits
  int shortBytes = 4;  ///< hh: 1, h: 2
  char kind = 0;

  /// Reads what follows the '%'; false at the end of the format.
  bool parse(llvm::StringRef &format, Arguments &arguments) {
    size_t numFlags = 0;
    while (!format.empty() && llvm::StringRef("-+ #0").contains(format.front())) {
      if (numFlags < sizeof flags - 1 && !std::strchr(flags, format.front()))
        flags[numFlags++] = format.front();
      format = format.drop_front();
    }
    width = number(format, arguments, 0);
    if (width < 0) {
      width = -width;
      if (!std::strchr(flags, '-') && numFlags < sizeof flags - 1)
        flags[numFlags] = '-';
    }
    if (format.consume_front("."))
      precision = number(format, arguments, 0);
    while (!format.empty() && llvm::StringRef("hljztL").contains(format.front())) {
      if (format.front() == 'h')
        shortBytes /= 2;
      else if (format.front() != 'L')
        isLong = true;
      format = format.drop_front();
    }
    if (format.empty())
      return false;
    kind = format.front();
    format = format.drop_front();
    return true;
  }

  /// The conversion for the host's printf, with `length` in front of the kind.
  void spell(char (&text)[48], const char *length) const {
    if (precision >= 0)
      std::snprintf(text, sizeof text, "%%%s%d.%d%s%c", flags, width, precision, length, kind);
    else if (width)
      std::snprintf(text, sizeof text, "%%%s%d%s%c", flags, width, length, kind);
    else
      std::snprintf(text, sizeof text, "%%%s%s%c", flags, length, kind);
  }

private:
  static int number(llvm::StringRef &format, Arguments &arguments, int otherwise) {
    if (format.consume_front("*"))
      return std::clamp(arguments.next<int32_t>(), -kWidest, kWidest);
    int value = otherwise;
    while (!format.empty() && llvm::isDigit(format.front())) {
      value = std::min(value * 10 + (format.front() - '0'), kWidest);
      format = format.drop_front();
    }
    return value;
  }
};

template <class T> void print(Output &output, const Conversion &conversion, const char *length, T value) {
  char format[48], text[2 * Conversion::kWidest + 512]; // a double has up to 309 digits in front of its point
  conversion.spell(format, length);
  int size = std::snprintf(text, sizeof text, format, value);
  output.add({text, size_t(std::clamp<int>(size, 0, sizeof text - 1))});
}

void printInteger(Output &output, const Conversion &conversion, Arguments &arguments) {
  bool isSigned = conversion.kind == 'd' || conversion.kind == 'i';
  int64_t value = conversion.isLong ? arguments.next<int64_t>()
                  : isSigned        ? arguments.next<int32_t>()
                                    : int64_t(uint64_t(arguments.next<uint32_t>()));
  if (!conversion.isLong && conversion.shortBytes < 4) {
    bool byte = conversion.shortBytes <= 1;
    value = isSigned ? (byte ? int64_t(int8_t(value)) : int64_t(int16_t(value)))
                     : (byte ? int64_t(uint8_t(value)) : int64_t(uint16_t(value)));
  }
  print(output, conversion, "ll", static_cast<long long>(value));
}

void printString(Output &output, const Conversion &conversion, Arguments &arguments) {
  uint64_t address = arguments.next<uint64_t>();
  // With a precision the string needs no end.
  size_t most = conversion.precision >= 0 ? size_t(conversion.precision) : output.room();
  llvm::StringRef text = most ? deviceString(arguments.thread, arguments.site, address, most) : "";
  int padding = conversion.width - int(std::min<size_t>(text.size(), Conversion::kWidest));
  bool left = std::strchr(conversion.flags, '-');
  if (!left)
    output.pad(padding);
  output.add(text);
  if (left)
    output.pad(padding);
}

bool printConversion(Output &output, const Conversion &conversion, Arguments &arguments) {
  switch (conversion.kind) {
  case '%':
    output.add("%");
    return true;
  case 'd':
  case 'i':
  case 'u':
  case 'o':
  case 'x':
  case 'X':
    printInteger(output, conversion, arguments);
    return true;
  case 'c':
    print(output, conversion, "", int(arguments.next<int32_t>()));
    return true;
  case 'f':
  case 'F':
  case 'e':
  case 'E':
  case 'g':
  case 'G':
  case 'a':
  case 'A':
    print(output, conversion, "", arguments.next<double>());
    return true;
  case 'p':
    print(output, conversion, "", reinterpret_cast<void *>(arguments.next<uint64_t>()));
    return true;
  case 's':
    printString(output, conversion, arguments);
    return true;
  default:
    return false;
  }
}

void result(Thread *thread, const Site *site, uint64_t *out, uint64_t value) {
  if (site->numResults == 0)
    return;
  out[0] = value;
  if (thread->grid->poison)
    out[site->numResults] = 0;
}

/// A call with fewer arguments than the function has parameters is no call of this function.
void checkArguments(Thread *thread, const Site *site, unsigned expected, const char *name) {
  thread->site = site;
  if (site->numSources < expected)
    thread->grid->reporter->fail(Check::Trap, *thread, site,
                                 std::string(name) + " is called with " + std::to_string(site->numSources) +
                                     " arguments, expected " + std::to_string(expected));
}

// "Returns the number of arguments parsed" (CUDA C++ Programming Guide, "Formatted Output").
void runPrintf(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  checkArguments(thread, site, 2, "vprintf");
  llvm::StringRef format = deviceString(*thread, site, in[0]);
  Arguments arguments{*thread, site, in[1]};
  Output output;
  while (!format.empty() && !output.isFull()) {
    size_t plain = std::min(format.find('%'), format.size());
    output.add(format.take_front(plain));
    format = format.drop_front(plain);
    llvm::StringRef whole = format;
    if (!format.consume_front("%"))
      continue;
    Conversion conversion;
    if (!conversion.parse(format, arguments) || !printConversion(output, conversion, arguments))
      output.add(whole.drop_back(format.size())); // what is not understood is printed as it stands
  }
  output.flush();
  result(thread, site, out, arguments.count);
}

void runMalloc(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  checkArguments(thread, site, 1, "malloc");
  std::atomic<uint64_t> &inUse = thread->grid->device->implementation->heapBytes;
  uint64_t bytes = in[0] > kHeapBytes ? kHeapBytes + 1 : in[0] + kPageBytes, address = 0;
  if (inUse.fetch_add(bytes) + bytes <= kHeapBytes)
    address = thread->grid->device->memory().allocate(in[0], kHeapLabel);
  if (!address)
    inUse -= bytes;
  result(thread, site, out, address);
}

void runFree(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  checkArguments(thread, site, 1, "free");
  if (in[0] == 0)
    return;
  Memory &memory = thread->grid->device->memory();
  const Allocation *allocation = memory.find(in[0]);
  if (!allocation || allocation->address != in[0] || allocation->label != kHeapLabel) {
    bool freed = false;
    memory.explain(in[0], 1, freed);
    thread->grid->reporter->fail(Check::Lifetime, *thread, site,
                                 "free of address 0x" + llvm::utohexstr(in[0], true) +
                                     (freed ? ", which has been freed before" : ", which malloc did not return"));
  }
  thread->grid->device->implementation->heapBytes -= allocation->bytes + kPageBytes;
  memory.free(in[0]);
  // Threads remember the allocation that they used last.
  for (auto &unit : thread->cta->scheduler->implementation->resident)
    for (auto &block : unit->blocks)
      for (auto &other : block->threads)
        other->globalLow = 1, other->globalHigh = 0;
}

void runAssertFail(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  checkArguments(thread, site, 4, "__assertfail");
  llvm::StringRef condition = deviceString(*thread, site, in[0]), file = deviceString(*thread, site, in[1]),
                  function = deviceString(*thread, site, in[3]);
  thread->grid->reporter->fail(Check::Trap, *thread, site,
                               "assertion '" + condition.str() + "' failed in " + function.str() + " at " + file.str() +
                                   ":" + std::to_string(uint32_t(in[2])));
}

} // namespace

Handler systemFunction(llvm::StringRef name) {
  return name == "vprintf"        ? runPrintf
         : name == "malloc"       ? runMalloc
         : name == "free"         ? runFree
         : name == "__assertfail" ? runAssertFail
                                  : nullptr;
}

} // namespace ptxsim
