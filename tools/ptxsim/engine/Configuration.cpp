// What a chip takes as a launch (CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability").
#include "engine/DeviceState.h"

#include "llvm/Support/MathExtras.h"

#include <stdexcept>

namespace ptxsim {

namespace {

constexpr uint32_t kMaxBlockThreads = 1024, kMaxBlockZ = 64, kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535;
constexpr uint64_t kMaxBlocks = 1ull << 31; // this simulator's own: block numbers are 32 bits

using Shape = std::array<uint32_t, 3>;

std::string text(const Shape &shape) {
  return "(" + std::to_string(shape[0]) + "," + std::to_string(shape[1]) + "," + std::to_string(shape[2]) + ")";
}
uint64_t volume(const Shape &shape) { return uint64_t(shape[0]) * shape[1] * shape[2]; }

[[noreturn]] void refuse(const ptx::Function &kernel, const std::string &why) {
  throw std::invalid_argument("launch of '" + kernel.name + "': " + why);
}

void checkShapes(const ptx::Function &kernel, const LaunchConfig &config) {
  const Shape &block = config.block, &grid = config.grid;
  if (block[0] == 0 || block[1] == 0 || block[2] == 0 || block[0] > kMaxBlockThreads || block[1] > kMaxBlockThreads ||
      block[2] > kMaxBlockZ || volume(block) > kMaxBlockThreads)
    refuse(kernel, "block " + text(block) + ", expected 1 to 1024 threads in all and at most 64 along z");
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0] > kMaxGridX || grid[1] > kMaxGridYZ ||
      grid[2] > kMaxGridYZ)
    refuse(kernel, "grid " + text(grid) + ", expected 1 to 2147483647 blocks along x and 1 to 65535 along y and z");
  if (grid[0] > kMaxBlocks / (uint64_t(grid[1]) * grid[2]))
    refuse(kernel, "grid " + text(grid) + " has more than 2^31 blocks, which ptxsim does not run");
  if (kernel.reqntid[0]) {
    Shape required;
    for (int axis = 0; axis < 3; ++axis)
      required[axis] = std::max(kernel.reqntid[axis], 1u);
    if (block != required)
      refuse(kernel, "block " + text(block) + ", expected " + text(required) + " as .reqntid says");
  }
  if (kernel.maxntid[0]) {
    Shape most;
    for (int axis = 0; axis < 3; ++axis)
      most[axis] = std::max(kernel.maxntid[axis], 1u);
    if (volume(block) > volume(most))
      refuse(kernel, "block " + text(block) + " has " + std::to_string(volume(block)) + " threads, expected at most " +
                         std::to_string(volume(most)) + " as .maxntid says");
  }
}

void checkCluster(const Architecture &chip, const ptx::Function &kernel, LaunchConfig &config) {
  Shape &cluster = config.cluster;
  if (kernel.reqnctapercluster[0]) {
    Shape required;
    for (int axis = 0; axis < 3; ++axis)
      required[axis] = std::max(kernel.reqnctapercluster[axis], 1u);
    if (volume(cluster) == 1)
      cluster = required;
    if (cluster != required)
      refuse(kernel, "cluster " + text(cluster) + ", expected " + text(required) + " as .reqnctapercluster says");
  }
  if (cluster[0] == 0 || cluster[1] == 0 || cluster[2] == 0)
    refuse(kernel, "cluster " + text(cluster) + ", expected at least one block along each axis");
  uint64_t most =
      kernel.maxclusterrank ? std::min(kernel.maxclusterrank, chip.maxClusterBlocks) : chip.maxClusterBlocks;
  if (cluster[0] > most || cluster[1] > most || cluster[2] > most || volume(cluster) > most)
    refuse(kernel,
           "cluster " + text(cluster) + ", expected at most " + std::to_string(most) + " blocks on " + chip.product);
  for (int axis = 0; axis < 3; ++axis)
    if (config.grid[axis] % cluster[axis])
      refuse(kernel, "grid " + text(config.grid) + " is not divisible by cluster " + text(cluster));
}

} // namespace

uint64_t checkConfiguration(const Architecture &chip, const ptx::Function &kernel, LaunchConfig &config,
                            uint32_t staticShared, size_t parameterBytes) {
  if (!kernel.isEntry || !kernel.hasBody)
    refuse(kernel, "not a kernel (.entry with a body)");
  if (parameterBytes != kernel.parameterBytes())
    refuse(kernel, "parameter block of " + std::to_string(parameterBytes) + " bytes, expected " +
                       std::to_string(kernel.parameterBytes()));
  checkShapes(kernel, config);
  checkCluster(chip, kernel, config);
  uint64_t shared = uint64_t(staticShared) + config.dynamicShared;
  if (shared > chip.sharedPerBlockOptIn)
    refuse(kernel, std::to_string(staticShared) + " static and " + std::to_string(config.dynamicShared) +
                       " dynamic bytes of shared memory, expected at most " + std::to_string(chip.sharedPerBlockOptIn) +
                       " together on " + chip.product);
  uint64_t threads = llvm::alignTo(volume(config.block), 32);
  uint64_t perMultiprocessor =
      std::min({uint64_t(chip.blocksPerMultiprocessor), chip.threadsPerMultiprocessor / threads,
                chip.sharedPerMultiprocessor / (shared + kSharedStart)});
  uint64_t resident = std::max<uint64_t>(perMultiprocessor, 1) * chip.multiprocessors;
  if (config.cooperative && volume(config.grid) > resident)
    refuse(kernel, "cooperative grid " + text(config.grid) + " of " + std::to_string(volume(config.grid)) +
                       " blocks, expected at most the " + std::to_string(resident) + " that " + chip.product +
                       " holds at a time");
  return resident;
}

} // namespace ptxsim
