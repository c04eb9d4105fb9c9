// atom and red (PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.7), also on vectors. Blocks on several host threads share
// global memory, so that every operation there is atomic for the host as well.
#include "check/Poison.h"
#include "check/Race.h"
#include "check/Statistics.h"
#include "engine/Half.h"
#include "engine/Launch.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {

namespace {

using ptx::Type;
enum class Operation : uint8_t { And, Or, Xor, Add, Min, Max, Inc, Dec, Exchange, CompareAndSwap };

struct AtomicPayload : Payload {
  Operation operation = Operation::Add;
  Type type = Type::U32;
  uint8_t elementBytes = 4, elements = 1;
  bool returns = true; ///< atom, not red
  Order order = Order::Relaxed;
  Scope scope = Scope::Device;
};

/// Subnormal floats become zeros of the same sign.
float flushed(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value; }

// "atom.add.f32 on global memory flushes subnormal inputs and results to sign-preserving zero; on shared memory it does
// not."
uint32_t addFloats(uint32_t a, uint32_t b, bool flush) {
  float x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
  float sum = flush ? flushed(flushed(x) + flushed(y)) : x + y;
  return std::isnan(sum) ? 0x7fffffff : std::bit_cast<uint32_t>(sum);
}

// As min and max of numbers: a NaN loses, -0 is below +0.
float selectFloat(Operation operation, float x, float y) {
  if (std::isnan(x))
    return y;
  if (std::isnan(y))
    return x;
  bool less = x < y || (x == y && std::signbit(x) && !std::signbit(y));
  return less == (operation == Operation::Min) ? x : y;
}

// The sum of two 16-bit floats in float, rounded once more, is the correctly rounded sum: 24 bits are more than twice
// 11 and two.
uint16_t combineHalf(Operation operation, bool bfloat, uint16_t a, uint16_t b) {
  float x = bfloat ? floatOfBfloat(a) : floatOfHalf(a), y = bfloat ? floatOfBfloat(b) : floatOfHalf(b);
  float result = operation == Operation::Add ? x + y : selectFloat(operation, x, y);
  return bfloat ? bfloatOfFloat(result) : halfOfFloat(result);
}

uint64_t combineInteger(Operation operation, Type type, uint64_t old, uint64_t b) {
  switch (operation) {
  case Operation::And:
    return old & b;
  case Operation::Or:
    return old | b;
  case Operation::Xor:
    return old ^ b;
  case Operation::Add:
    return old + b;
  case Operation::Inc:
    return uint32_t(old) >= uint32_t(b) ? 0 : old + 1;
  case Operation::Dec:
    return uint32_t(old) == 0 || uint32_t(old) > uint32_t(b) ? b : old - 1;
  case Operation::Min:
  case Operation::Max: {
    bool less = type == Type::S32 ? int32_t(b) < int32_t(old) : type == Type::S64 ? int64_t(b) < int64_t(old) : b < old;
    return less == (operation == Operation::Min) ? b : old;
  }
  default:
    return b;
  }
}

/// What memory holds afterwards.
uint64_t combine(const AtomicPayload &decoded, bool flush, uint64_t old, uint64_t b, uint64_t c) {
  if (decoded.operation == Operation::Exchange)
    return b;
  if (decoded.operation == Operation::CompareAndSwap)
    return old == b ? c : old;
  switch (decoded.type) {
  case Type::F32:
    return addFloats(uint32_t(old), uint32_t(b), flush);
  case Type::F64: {
    double sum = std::bit_cast<double>(old) + std::bit_cast<double>(b);
    return std::isnan(sum) ? 0x7fffffffffffffff : std::bit_cast<uint64_t>(sum);
  }
  case Type::F16:
  case Type::BF16:
    return combineHalf(decoded.operation, decoded.type == Type::BF16, uint16_t(old), uint16_t(b));
  case Type::F16x2:
  case Type::BF16x2: {
    bool bfloat = decoded.type == Type::BF16x2;
    return combineHalf(decoded.operation, bfloat, uint16_t(old), uint16_t(b)) |
           uint32_t(combineHalf(decoded.operation, bfloat, uint16_t(old >> 16), uint16_t(b >> 16))) << 16;
  }
  default:
    return combineInteger(decoded.operation, decoded.type, old, b);
  }
}

template <class Word>
uint64_t update(const Location &where, unsigned offset, const AtomicPayload &decoded, uint64_t b, uint64_t c,
                bool alone) {
  Word *word = reinterpret_cast<Word *>(where.host + offset);
  bool flush = decoded.type == Type::F32 && where.space == ptx::Space::Global;
  if (alone) {
    Word old = *word;
    *word = Word(combine(decoded, flush, old, Word(b), Word(c)));
    return old;
  }
  Word old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(word, &old, Word(combine(decoded, flush, old, Word(b), Word(c))), true,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    ;
  return old;
}

uint64_t updateElement(const Location &where, unsigned offset, const AtomicPayload &decoded, uint64_t b, uint64_t c,
                       bool alone) {
  switch (decoded.elementBytes) {
  case 2:
    return update<uint16_t>(where, offset, decoded, b, c, alone);
  case 4:
    return update<uint32_t>(where, offset, decoded, b, c, alone);
  default:
    return update<uint64_t>(where, offset, decoded, b, c, alone);
  }
}

using Wide = unsigned __int128;
Wide wide(const uint64_t *slots) { return Wide(slots[1]) << 64 | slots[0]; }

/// Compares and swaps 16 bytes; returns what was there.
Wide compareAndSwap(Wide *word, Wide expected, Wide wanted) {
#ifdef __x86_64__
  // By hand: without -mcx16 the compiler calls a library that takes a lock.
  uint64_t low = uint64_t(expected), high = uint64_t(expected >> 64);
  asm volatile("lock cmpxchg16b %0"
               : "+m"(*word), "+a"(low), "+d"(high)
               : "b"(uint64_t(wanted)), "c"(uint64_t(wanted >> 64))
               : "memory", "cc");
  return Wide(high) << 64 | low;
#else
  return __sync_val_compare_and_swap(word, expected, wanted);
#endif
}

Wide updateWide(uint8_t *at, bool compare, Wide b, Wide c) {
  Wide *word = reinterpret_cast<Wide *>(at);
  if (compare)
    return compareAndSwap(word, b, c);
  Wide old = 0; // a wrong guess fails and tells what is there
  for (;;) {
    Wide seen = compareAndSwap(word, old, b);
    if (seen == old)
      return seen;
    old = seen;
  }
}

uint64_t lowBytes(uint8_t bytes) { return bytes >= 8 ? ~0ull : (1ull << 8 * bytes) - 1; }

/// A value and its undefined bits.
struct Tracked {
  uint64_t value, undefined;
};

/// Undefined bits of what memory holds afterwards, given the old value and the operands (`c`: its undefined bits).
uint64_t shadowAfter(const AtomicPayload &decoded, Tracked before, Tracked operand, uint64_t c, bool swapped) {
  const uint64_t old = before.undefined, b = operand.undefined;
  switch (decoded.operation) {
  case Operation::And: // a defined 0 on one side decides
    return (old | b) & (old | before.value) & (b | operand.value);
  case Operation::Or: // a defined 1 does
    return (old | b) & (old | ~before.value) & (b | ~operand.value);
  case Operation::Xor:
    return old | b;
  case Operation::Exchange:
    return b;
  case Operation::CompareAndSwap:
    return old | b ? ~0ull : swapped ? c : 0;
  default:
    return old | b ? ~0ull : 0;
  }
}

void trackElement(uint8_t *shadow, const AtomicPayload &decoded, uint64_t oldValue, Tracked operand, uint64_t cShadow,
                  bool swapped, uint64_t *resultShadow) {
  // A 16-byte element comes here half by half.
  const uint32_t bytes = std::min<uint32_t>(decoded.elementBytes, 8);
  uint64_t defined = ~0ull, mask = lowBytes(bytes);
  if (shadow)
    std::memcpy(&defined, shadow, bytes);
  uint64_t old = ~defined & mask;
  if (shadow) {
    operand.undefined &= mask;
    defined = ~shadowAfter(decoded, {oldValue, old}, operand, cShadow & mask, swapped);
    std::memcpy(shadow, &defined, bytes);
  }
  if (resultShadow)
    *resultShadow = old;
}

/// What the access does to happens-before. A compare-and-swap that fails writes nothing: it is a read, and of its order
/// only the acquire half remains (PTX ISA 9.0, section 9.7.13.5 "atom"). Races are checked on one host thread, so what
/// memory holds now is what the operation will find.
void reportAccess(Thread &thread, const Site *site, const AtomicPayload &decoded, const Location &where, uint64_t bytes,
                  const uint64_t *operand) {
  Access kind = Access::Atomic;
  Order order = decoded.order;
  if (decoded.operation == Operation::CompareAndSwap && std::memcmp(where.host, operand, bytes) != 0) {
    kind = Access::Read;
    order = order == Order::AcquireRelease || order == Order::Acquire ? Order::Acquire : Order::Relaxed;
  }
  thread.grid->races->access(thread, site, where, bytes, kind, order, decoded.scope);
}

// The check of the access, but for the common case: global memory in the allocation that the thread used last.
Location locate(Thread &thread, const Site *site, const AtomicPayload &decoded, const uint64_t *in) {
  uint64_t address = in[0];
  uint64_t bytes = uint64_t(decoded.elementBytes) * decoded.elements;
  Grid &grid = *thread.grid;
  if (!grid.instrumented && address >= thread.globalLow && address <= thread.globalHigh &&
      bytes <= thread.globalHigh - address && address % bytes == 0 &&
      (site->space == ptx::Space::Generic || site->space == ptx::Space::Global))
    return {ptx::Space::Global, reinterpret_cast<uint8_t *>(address), nullptr, nullptr, address};
  Location where = resolve(thread, site, site->space, address, bytes, bytes, Access::Atomic);
  if (where.space == ptx::Space::Global) {
    const Allocation *allocation = grid.device->memory().find(address);
    thread.globalLow = allocation->address;
    thread.globalHigh = allocation->address + allocation->bytes;
  }
  if (!grid.instrumented)
    return where;
  if (grid.races)
    reportAccess(thread, site, decoded, where, bytes, in + 1);
  if (grid.options.statistics)
    grid.options.statistics->access(thread, site, where, bytes, Access::Atomic);
  return where;
}

void runWide(Thread &thread, const Site *site, const AtomicPayload &decoded, const Location &where, const uint64_t *in,
             uint64_t *out) {
  bool compare = decoded.operation == Operation::CompareAndSwap;
  Wide old = updateWide(where.host, compare, wide(in + 1), compare ? wide(in + 3) : 0);
  bool swapped = compare && old == wide(in + 1);
  out[0] = uint64_t(old);
  out[1] = uint64_t(old >> 64);
  if (!thread.grid->poison)
    return;
  const uint64_t *shadows = in + site->numSources + 1;
  // Both halves, of memory as well, decide whether the words are swapped.
  uint64_t undefinedCompare = compare ? shadows[0] | shadows[1] : 0;
  if (compare && where.shadow) {
    uint64_t defined[2];
    std::memcpy(defined, where.shadow, sizeof defined);
    undefinedCompare |= ~(defined[0] & defined[1]);
  }
  for (unsigned half = 0; half < 2; ++half)
    trackElement(where.shadow ? where.shadow + 8 * half : nullptr, decoded, out[half],
                 {in[1 + half], compare ? undefinedCompare : shadows[half]}, compare ? shadows[2 + half] : 0, swapped,
                 out + site->numResults + half);
}

void runAtomic(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const AtomicPayload &decoded = payload<AtomicPayload>(site);
  thread->site = site;
  bool poison = thread->grid->poison;
  if (poison && in[site->numSources])
    ptxsim_poison_address(thread, site);
  Location where = locate(*thread, site, decoded, in);
  if (decoded.elementBytes == 16)
    return runWide(*thread, site, decoded, where, in, out);
  bool alone = where.space != ptx::Space::Global || launchOf(*thread).workers == 1;
  uint64_t c = decoded.operation == Operation::CompareAndSwap ? in[2] : 0;
  // Each element of a vector is updated for itself.
  for (unsigned i = 0; i < decoded.elements; ++i) {
    uint64_t old = updateElement(where, i * decoded.elementBytes, decoded, in[1 + i], c, alone);
    if (decoded.returns)
      out[i] = old;
    if (poison)
      trackElement(where.shadow ? where.shadow + i * decoded.elementBytes : nullptr, decoded, old,
                   {in[1 + i], in[site->numSources + 1 + i]},
                   decoded.operation == Operation::CompareAndSwap ? in[site->numSources + 2] : 0,
                   old == (in[1] & lowBytes(decoded.elementBytes)),
                   decoded.returns ? out + site->numResults + i : nullptr);
  }
}

Operation operationOf(const ptx::Instruction &instruction) {
  static constexpr std::pair<const char *, Operation> names[] = {
      {"and", Operation::And},           {"or", Operation::Or},   {"xor", Operation::Xor},
      {"add", Operation::Add},           {"min", Operation::Min}, {"max", Operation::Max},
      {"inc", Operation::Inc},           {"dec", Operation::Dec}, {"exch", Operation::Exchange},
      {"cas", Operation::CompareAndSwap}};
  for (auto [name, operation] : names)
    if (instruction.has(name))
      return operation;
  throw ptx::Error(instruction.position, "'" + instruction.spelling() + "' names no operation");
}

} // namespace

bool bindAtomic(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if ((opcode != "atom" && opcode != "red") || instruction.has("async"))
    return false;
  auto decoded = std::make_unique<AtomicPayload>();
  decoded->operation = operationOf(instruction);
  decoded->type = instruction.lastType();
  unsigned bits = ptx::bitWidth(decoded->type);
  if (bits != 16 && bits != 32 && bits != 64 && bits != 128)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "' updates " + std::to_string(bits) +
                                               " bits, expected 16, 32, 64 or 128");
  decoded->elementBytes = uint8_t(bits / 8);
  decoded->elements = uint8_t(instruction.vectorWidth());
  decoded->returns = opcode == "atom";
  decoded->order = instruction.has("acq_rel")   ? Order::AcquireRelease
                   : instruction.has("acquire") ? Order::Acquire
                   : instruction.has("release") ? Order::Release
                                                : Order::Relaxed;
  decoded->scope = instruction.has("cta")       ? Scope::Block
                   : instruction.has("cluster") ? Scope::Cluster
                   : instruction.has("sys")     ? Scope::System
                                                : Scope::Device;
  site.payload = std::move(decoded);
  site.handler = runAtomic;
  return true;
}

} // namespace ptxsim
