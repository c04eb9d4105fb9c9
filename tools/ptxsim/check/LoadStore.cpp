// Loads and stores of instrumented launches: every one resolves its address, tells the race detector and the
// statistics, and moves the values together with their definedness. The instructions that only advise the caches
// (prefetch, applypriority, createpolicy) and discard are here too.
//
// Memory keeps definedness (1: defined), registers keep undefinedness (1: undefined); a value that is stored keeps its
// undefined bits in memory without a finding: only what decides something is one.
#include "check/Poison.h"
#include "check/Race.h"
#include "check/Statistics.h"
#include "engine/Scheduler.h"

#include <cstring>

using namespace ptxsim;

namespace {
/// The widest access of one thread: .v8.b32, .v4.b64.
constexpr unsigned kWidest = 32;

struct LoadStorePayload : Payload {
  unsigned elementBytes = 0, elements = 0;
  bool signExtend = false;
  uint64_t registerMask[8] = {}; ///< of each element's destination
  Order order = Order::Weak;
  Scope scope = Scope::System;
  uint32_t alignment = 1;
};

uint64_t lowBits(unsigned width) { return width >= 64 ? ~0ull : (1ull << width) - 1; }

/// One element of at most 8 bytes; strong ones may meet other host threads.
template <class T> uint64_t loadAs(const uint8_t *from, bool strong) {
  if (strong)
    return __atomic_load_n(reinterpret_cast<const T *>(from), __ATOMIC_ACQUIRE);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

uint64_t loadElement(const uint8_t *from, unsigned bytes, bool strong) {
  switch (bytes) {
  case 1:
    return loadAs<uint8_t>(from, strong);
  case 2:
    return loadAs<uint16_t>(from, strong);
  case 4:
    return loadAs<uint32_t>(from, strong);
  default:
    return loadAs<uint64_t>(from, strong);
  }
}

template <class T> void storeAs(uint8_t *to, uint64_t value, bool strong) {
  T narrow = T(value);
  if (strong)
    return __atomic_store_n(reinterpret_cast<T *>(to), narrow, __ATOMIC_RELEASE);
  std::memcpy(to, &narrow, sizeof(T));
}

void storeElement(uint8_t *to, unsigned bytes, uint64_t value, bool strong) {
  switch (bytes) {
  case 1:
    return storeAs<uint8_t>(to, value, strong);
  case 2:
    return storeAs<uint16_t>(to, value, strong);
  case 4:
    return storeAs<uint32_t>(to, value, strong);
  default:
    return storeAs<uint64_t>(to, value, strong);
  }
}

uint64_t extend(const LoadStorePayload &how, unsigned element, uint64_t value) {
  if (how.signExtend) {
    unsigned unused = 64 - 8 * how.elementBytes;
    value = uint64_t(int64_t(value << unused) >> unused);
  }
  return value & how.registerMask[element];
}

Location reach(Thread *thread, const Site *site, const LoadStorePayload &how, const uint64_t *in, Access access) {
  thread->site = site;
  if (thread->grid->poison && in[site->numSources])
    ptxsim_poison_address(thread, site);
  return resolve(*thread, site, site->space, in[0], site->bytes, how.alignment, access);
}

void load(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const auto &how = payload<LoadStorePayload>(site);
  Grid &grid = *thread->grid;
  Location where = reach(thread, site, how, in, Access::Read);
  if (grid.races)
    grid.races->access(*thread, site, where, site->bytes, Access::Read, how.order, how.scope);
  if (grid.options.statistics)
    grid.options.statistics->access(*thread, site, where, site->bytes, Access::Read);
  bool strong = how.order != Order::Weak;
  unsigned slots = how.elementBytes == 16 ? 2 * how.elements : how.elements;
  unsigned slotBytes = std::min(how.elementBytes, 8u);
  for (unsigned k = 0; k < slots; ++k)
    out[k] = extend(how, k, loadElement(where.host + k * slotBytes, slotBytes, strong));
  if (!grid.poison)
    return;
  for (unsigned k = 0; k < slots; ++k) {
    uint64_t undefined =
        where.shadow ? ~loadElement(where.shadow + k * slotBytes, slotBytes, strong) & lowBits(8 * slotBytes) : 0;
    out[site->numResults + k] = extend(how, k, undefined);
  }
}

void store(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  const auto &how = payload<LoadStorePayload>(site);
  Grid &grid = *thread->grid;
  Location where = reach(thread, site, how, in, Access::Write);
  bool strong = how.order != Order::Weak;
  unsigned slots = how.elementBytes == 16 ? 2 * how.elements : how.elements;
  unsigned slotBytes = std::min(how.elementBytes, 8u);
  const uint64_t *values = in + 1;
  if (grid.races) {
    uint8_t bytes[kWidest];
    for (unsigned k = 0; k < slots; ++k)
      std::memcpy(bytes + k * slotBytes, &values[k], slotBytes);
    grid.races->access(*thread, site, where, site->bytes, Access::Write, how.order, how.scope, bytes);
  }
  if (grid.options.statistics)
    grid.options.statistics->access(*thread, site, where, site->bytes, Access::Write);
  if (where.shadow)
    for (unsigned k = 0; k < slots; ++k)
      storeElement(where.shadow + k * slotBytes, slotBytes, grid.poison ? ~values[site->numSources + k] : ~0ull,
                   strong);
  for (unsigned k = 0; k < slots; ++k)
    storeElement(where.host + k * slotBytes, slotBytes, values[k], strong);
}

/// The bytes lose their values ("discard", PTX ISA 9.0): reading them before they are written again is undefined.
void discard(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  constexpr unsigned kLine = 128;
  Grid &grid = *thread->grid;
  thread->site = site;
  Location where = resolve(*thread, site, site->space, in[0], kLine, kLine, Access::Write);
  if (grid.races)
    grid.races->access(*thread, site, where, kLine, Access::Write, Order::Weak, Scope::System);
  if (where.shadow)
    std::memset(where.shadow, 0, kLine);
}

/// Advice to the caches changes no value; an address that names nothing is allowed.
void advise(Thread *, const Site *, const uint64_t *, uint64_t *) {}

/// The policy is opaque to programs and ignored by loads and stores.
void createPolicy(Thread *thread, const Site *site, const uint64_t *, uint64_t *out) {
  out[0] = 0;
  if (thread->grid->poison)
    out[site->numResults] = 0;
}

Scope scopeOf(const ptx::Instruction &instruction) {
  llvm::StringRef scope = instruction.first({"cta", "cluster", "gpu", "sys"}, "sys");
  return scope == "cta"       ? Scope::Block
         : scope == "cluster" ? Scope::Cluster
         : scope == "gpu"     ? Scope::Device
                              : Scope::System;
}

/// PTX ISA 9.0, "ld" and "st": .volatile is .relaxed.sys; without a qualifier the access is weak.
Order orderOf(const ptx::Instruction &instruction) {
  if (instruction.has("volatile"))
    return Order::Volatile;
  if (instruction.has("acquire"))
    return Order::Acquire;
  if (instruction.has("release"))
    return Order::Release;
  return instruction.has("relaxed") ? Order::Relaxed : Order::Weak;
}

/// Registers may be wider than the type of a load: signed values are sign-extended to them.
void noteRegisters(LoadStorePayload &how, const Site &site) {
  for (uint64_t &mask : how.registerMask)
    mask = ~0ull;
  if (!site.function || site.instruction->operands.empty() || how.elementBytes == 16)
    return;
  const ptx::Operand &result = site.instruction->operands[0];
  llvm::ArrayRef<ptx::Operand> elements(result);
  if (result.kind == ptx::Operand::Kind::Vector)
    elements = result.elements;
  for (size_t k = 0; k < elements.size() && k < std::size(how.registerMask); ++k)
    if (elements[k].kind == ptx::Operand::Kind::Register)
      how.registerMask[k] = lowBits(ptx::bitWidth(site.function->registers[elements[k].reg].type));
}
} // namespace

bool ptxsim::bindLoadStore(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode == "prefetch" || opcode == "prefetchu" || opcode == "applypriority") {
    site.handler = advise;
    return true;
  }
  if (opcode == "createpolicy") {
    site.handler = createPolicy;
    return true;
  }
  if (opcode == "discard") {
    site.handler = discard;
    return true;
  }
  bool isLoad = opcode == "ld" || opcode == "ldu";
  if (!isLoad && opcode != "st")
    return false;
  if (instruction.has("async")) // st.async belongs to the bulk copies
    return false;
  auto how = std::make_unique<LoadStorePayload>();
  ptx::Type type = instruction.lastType();
  how->elementBytes = ptx::bitWidth(type) / 8;
  how->elements = instruction.vectorWidth();
  if (!how->elementBytes || how->elementBytes * how->elements > kWidest || how->elements > 8)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "' moves " +
                                               std::to_string(ptx::bitWidth(type) * how->elements) +
                                               " bits, expected whole bytes, at most 32 of them");
  site.bytes = how->elementBytes * how->elements;
  how->alignment = site.bytes;
  how->signExtend = isLoad && ptx::isSigned(type) && how->elementBytes < 8;
  how->order = orderOf(instruction);
  how->scope = scopeOf(instruction);
  noteRegisters(*how, site);
  if (!isLoad)
    for (uint64_t &mask : how->registerMask)
      mask = ~0ull;
  site.payload = std::move(how);
  site.handler = isLoad ? load : store;
  return true;
}
