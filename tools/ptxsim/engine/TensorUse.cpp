#include "engine/TensorUse.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {

void fetchMap(Thread &thread, const Site *site, uint64_t address, TensorMap &map) {
  Reporter &reporter = *thread.grid->reporter;
  const Location where = resolve(thread, site, ptx::Space::Generic, address, kTensorMapBytes, 1, Access::Read);
  if (where.space != ptx::Space::Global)
    reporter.fail(Check::Descriptor, thread, site,
                  "the tensor map at " + hexadecimal(address) + " lies in " +
                      (where.space == ptx::Space::Shared ? "shared" : "local") +
                      " memory; copies take maps from parameters, constant or global memory");
  if (address % 64)
    reporter.fail(Check::Descriptor, thread, site,
                  "the tensor map's address " + hexadecimal(address) + " is not a multiple of 64");
  bool defined = true;
  for (unsigned k = 0; where.shadow && k < kTensorMapBytes; ++k)
    defined &= where.shadow[k] == 0xff;
  if (!defined)
    reporter.note(Check::Poison, &thread, site, "the tensor map at " + hexadecimal(address) + " has undefined bits");
  {
    std::string error;
    if (decode(where.host, map, error) && validate(map, error)) {
      const AsyncCta &async = asyncOf(*thread.cta);
      auto acquired = async.acquiredMaps.find(address);
      if (map.launch == thread.grid->id + 1 && (acquired == async.acquiredMaps.end() || acquired->second != map.serial))
        reporter.note(Check::Proxy, &thread, site,
                      "the tensor map at " + hexadecimal(address) +
                          " was modified by device code, and no fence.proxy.tensormap::generic.acquire of this block "
                          "has made that visible");
      return;
    }
    reporter.fail(Check::Descriptor, thread, site, "tensor map at " + hexadecimal(address) + ": " + error);
  }
}

const Allocation &allocationOf(Thread &thread, const Site *site, const TensorMap &map) {
  const Memory &memory = thread.grid->device->memory();
  if (const Allocation *allocation = memory.find(map.base))
    return *allocation;
  bool freed = false;
  std::string reason = memory.explain(map.base, 1, freed);
  thread.grid->reporter->fail(freed ? Check::Lifetime : Check::Descriptor, thread, site,
                              "the tensor of the map starts at " + hexadecimal(map.base) + ": " + reason);
}

void SharedImage::gather(uint32_t offset, uint32_t count, uint8_t *data, uint8_t *shadow) const {
  for (uint32_t k = 0; k < count; k += 16) {
    const Bytes chunk = window + swizzledAddress(start + offset + k, swizzle);
    std::memcpy(data + k, chunk.host, 16);
    if (shadow && chunk.shadow)
      std::memcpy(shadow + k, chunk.shadow, 16);
    else if (shadow)
      std::memset(shadow + k, 0xff, 16);
  }
}

void SharedImage::scatter(uint32_t offset, uint32_t count, const uint8_t *data, const uint8_t *shadow) const {
  for (uint32_t k = 0; k < count; k += 16) {
    const Bytes chunk = window + swizzledAddress(start + offset + k, swizzle);
    std::memcpy(chunk.host, data + k, 16);
    if (chunk.shadow && shadow)
      std::memcpy(chunk.shadow, shadow + k, 16);
    else if (chunk.shadow)
      std::memset(chunk.shadow, 0xff, 16);
  }
}

ImagePieces piecesOf(uint32_t start, uint32_t bytes, TensorSwizzle swizzle) {
  ImagePieces result;
  const uint32_t lines = swizzle == TensorSwizzle::None ? bytes : bytes & ~uint32_t(127);
  if (lines)
    result.pieces[result.count++] = {start, lines};
  for (uint32_t k = lines; k < bytes; k += 16)
    result.pieces[result.count++] = {swizzledAddress(start + k, swizzle), 16};
  return result;
}

} // namespace ptxsim
