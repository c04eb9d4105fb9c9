// tensormap.replace, tensormap.cp_fenceproxy and the fences of the tensor-map proxy (PTX ISA 9.0, section 9.7.9.28 and
// 9.7.13.6). A map remembers the launch and the number of its last change; a block remembers which change of which map
// a fence of its own has acquired; copies compare the two (fetchMap).
#include "engine/Rendezvous.h"
#include "engine/TensorUse.h"

#include "llvm/ADT/StringSwitch.h"

#include <cstring>

namespace ptxsim {

namespace {

// clang-format off
enum class Field : uint8_t {
  GlobalAddress, Rank, BoxDim, GlobalDim, GlobalStride, ElementStride, ElementType, Interleave, Swizzle, Atomicity,
  Fill, None,
};
// clang-format on

struct ReplacePayload : Payload {
  Field field = Field::None;
  ptx::Space space = ptx::Space::Generic;
  uint64_t ordinal = 0;
  int valueSlot = 1;
};

struct FencePayload : Payload {
  bool acquires = false;
  Scope scope = Scope::System;
};

[[noreturn]] void fail(Thread &thread, const Site *site, const std::string &what) {
  thread.grid->reporter->fail(Check::Descriptor, thread, site, what);
}

/// Table of the values that .elemtype takes; unlike CUtensorMapDataType, .f32.ftz stands behind .f32.
bool elementTypeOf(uint64_t value, TensorType &type) {
  static constexpr TensorType types[] = {TensorType::U8,     TensorType::U16, TensorType::U32,  TensorType::S32,
                                         TensorType::U64,    TensorType::S64, TensorType::F16,  TensorType::F32,
                                         TensorType::F32Ftz, TensorType::F64, TensorType::BF16, TensorType::TF32,
                                         TensorType::TF32Ftz};
  if (value >= std::size(types))
    return false;
  type = types[value];
  return true;
}

/// What the stored field can hold; larger values break the rules of every map and stay broken.
uint32_t limited(uint64_t value, uint32_t most) { return value > most ? most : uint32_t(value); }

/// False if the value cannot stand in the field.
bool replaceField(TensorMap &map, Field field, uint64_t ordinal, uint64_t value) {
  switch (field) {
  case Field::GlobalAddress:
    map.base = value;
    return true;
  case Field::Rank: // counted from zero: rank less one
    map.rank = uint32_t(value) + 1;
    return uint32_t(value) < 5;
  case Field::BoxDim:
    map.box.at(ordinal) = limited(uint32_t(value), 0xffff);
    return true;
  case Field::GlobalDim:
    map.sizes.at(ordinal) = uint32_t(value);
    return uint32_t(value) != 0;
  case Field::GlobalStride:
    map.strides.at(ordinal) = value;
    return true;
  case Field::ElementStride:
    map.elementStrides.at(ordinal) = limited(uint32_t(value), 0xff);
    return true;
  case Field::ElementType:
    return elementTypeOf(value, map.type);
  case Field::Interleave:
    map.interleave = TensorInterleave(limited(value, 0xff));
    return value <= 2;
  case Field::Swizzle:
    map.swizzle = TensorSwizzle(limited(value, 0xff));
    return value <= 3;
  case Field::Atomicity: // only chunks of 16 bytes are simulated, which is 0
    return value == 0;
  case Field::Fill:
    map.fill = TensorFill(limited(value, 0xff));
    return value <= 1;
  case Field::None:
    break;
  }
  return false;
}

void access(Thread &thread, const Site *site, const Location &where, Access kind) {
  if (thread.grid->races)
    thread.grid->races->access(thread, site, where, kTensorMapBytes, kind, Order::Weak, Scope::System);
}

void replace(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<ReplacePayload>(site);
  checkAddress(*thread, site, in, 0);
  const Location where = resolve(*thread, site, how.space, in[0], kTensorMapBytes, 64, Access::Write);
  access(*thread, site, where, Access::Write);
  TensorMap map;
  std::string error;
  if (!decode(where.host, map, error))
    fail(*thread, site, "at " + hexadecimal(in[0]) + ": " + error);
  if (!replaceField(map, how.field, how.ordinal, in[how.valueSlot]))
    fail(*thread, site,
         "the value " + std::to_string(in[how.valueSlot]) + " cannot stand in this field of a tensor map");
  map.launch = thread->grid->id + 1;
  map.serial = uint64_t(thread->cta->linear + 1) << 32 | ++asyncOf(*thread->cta).mapSerial;
  encodeUnchecked(where.host, map);
  // A value with undefined bits leaves the whole map undefined: its checksum depends on all of them.
  if (where.shadow && isUndefined(*thread, site, in, unsigned(how.valueSlot)))
    std::memset(where.shadow, 0, kTensorMapBytes);
}

// --- fences ---
void acquireMap(Thread &thread, uint64_t address, const Location &where) {
  TensorMap map;
  std::string error;
  if (decode(where.host, map, error))
    asyncOf(*thread.cta).acquiredMaps[address] = map.serial;
}

void fence(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const auto &how = payload<FencePayload>(site);
  if (RaceDetector *races = thread->grid->races)
    races->fence(*thread, how.acquires ? Order::Acquire : Order::Release, how.scope);
  if (!how.acquires)
    return;
  checkAddress(*thread, site, in, 0);
  // A fence reads nothing: libraries let the warps of a group that issue no copies pass a null pointer.
  if (!in[0])
    return;
  const Location where = resolve(*thread, site, ptx::Space::Generic, in[0], kTensorMapBytes, 64, Access::Read);
  acquireMap(*thread, in[0], where);
}

/// The warp's copy, done once: all lanes give the same addresses.
void copyMap(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  const unsigned first = unsigned(__builtin_ctz(mask));
  Thread &thread = *warp.lanes[first];
  const uint64_t to = lanes.in[first][0], from = lanes.in[first][1];
  for (unsigned lane = 0; lane < 32; ++lane)
    if (lanes.in[lane] && (lanes.in[lane][0] != to || lanes.in[lane][1] != from))
      thread.grid->reporter->note(Check::Divergence, &thread, site,
                                  "the lanes of the warp name different tensor maps; lane " + std::to_string(lane) +
                                      " gives " + hexadecimal(lanes.in[lane][0]) + ", lane " + std::to_string(first) +
                                      " " + hexadecimal(to));
  const Location source = resolve(thread, site, ptx::Space::Shared, from, kTensorMapBytes, 128, Access::Read);
  const Location target = resolve(thread, site, ptx::Space::Global, to, kTensorMapBytes, 128, Access::Write);
  access(thread, site, source, Access::Read);
  access(thread, site, target, Access::Write);
  copyBytes(target, source, kTensorMapBytes);
  if (thread.grid->races)
    for (unsigned lane = 0; lane < 32; ++lane)
      if (lanes.in[lane])
        thread.grid->races->fence(*warp.lanes[lane], Order::Release, payload<FencePayload>(site).scope);
}

void copyAndFence(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  thread->site = site;
  checkAddress(*thread, site, in, 0);
  checkAddress(*thread, site, in, 1);
  meetWarp(*thread, site, thread->warp->present, true, in, out, copyMap);
}

Scope scopeOf(const ptx::Instruction &instruction) {
  const llvm::StringRef scope = instruction.first({"cta", "cluster", "gpu", "sys"}, "sys");
  return scope == "cta"       ? Scope::Block
         : scope == "cluster" ? Scope::Cluster
         : scope == "gpu"     ? Scope::Device
                              : Scope::System;
}

void requireSize(const ptx::Instruction &instruction, unsigned operand) {
  if (instruction.operands.size() <= operand || instruction.operands[operand].bits != kTensorMapBytes)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': the size of a tensor map is 128 bytes");
}

void bindReplace(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  auto how = std::make_unique<ReplacePayload>();
  how->field = llvm::StringSwitch<Field>(instruction.parts.size() > 3 ? instruction.parts[3] : "")
                   .Case("global_address", Field::GlobalAddress)
                   .Case("rank", Field::Rank)
                   .Case("box_dim", Field::BoxDim)
                   .Case("global_dim", Field::GlobalDim)
                   .Case("global_stride", Field::GlobalStride)
                   .Case("element_stride", Field::ElementStride)
                   .Case("elemtype", Field::ElementType)
                   .Case("interleave_layout", Field::Interleave)
                   .Case("swizzle_mode", Field::Swizzle)
                   .Case("swizzle_atomicity", Field::Atomicity)
                   .Case("fill_mode", Field::Fill)
                   .Default(Field::None);
  if (how->field == Field::None)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': this field of a tensor map is not known");
  how->space = instruction.has("global") ? ptx::Space::Global : sharedSpaceOf(instruction);
  const bool numbered = how->field >= Field::BoxDim && how->field <= Field::ElementStride;
  if (instruction.operands.size() != (numbered ? 3u : 2u))
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': wrong number of operands");
  if (numbered) {
    how->ordinal = instruction.operands[1].bits;
    const unsigned most = how->field == Field::GlobalStride ? 4 : 5;
    if (instruction.operands[1].kind != ptx::Operand::Kind::Immediate || how->ordinal >= most)
      throw ptx::Error(instruction.position, "'" + instruction.spelling() +
                                                 "': the dimension must be a constant below " + std::to_string(most));
    how->valueSlot = 2;
  }
  site.payload = std::move(how);
  site.handler = replace;
}

} // namespace

bool bindTensorMap(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  const bool isFence = instruction.opcode() == "fence" && instruction.has("tensormap::generic");
  if (!isFence && instruction.opcode() != "tensormap")
    return false;
  if (!isFence && instruction.has("replace")) {
    bindReplace(site);
    return true;
  }
  auto how = std::make_unique<FencePayload>();
  how->acquires = instruction.has("acquire");
  how->scope = scopeOf(instruction);
  if (isFence && how->acquires)
    requireSize(instruction, 1);
  if (!isFence)
    requireSize(instruction, 2);
  site.payload = std::move(how);
  site.handler = isFence ? fence : copyAndFence;
  return true;
}

} // namespace ptxsim
