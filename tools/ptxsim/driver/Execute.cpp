#include "driver/Execute.h"

#include "check/Statistics.h"
#include "driver/Driver.h"
#include "driver/Graph.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>

namespace ptxsim {
namespace {

std::string hex(uint64_t value) { return "0x" + llvm::utohexstr(value, true); }

bool contains(const std::string &text, const char *word) { return text.find(word) != std::string::npos; }

/// What CUDA would answer for the fault that stopped a kernel: the last finding is the one that did.
CUresult errorOf(const LaunchResult &result) {
  if (result.findings.empty())
    return CUDA_ERROR_LAUNCH_FAILED;
  const Finding &finding = result.findings.back();
  switch (finding.check) {
  case Check::Bounds:
    return contains(finding.message, "align") ? CUDA_ERROR_MISALIGNED_ADDRESS : CUDA_ERROR_ILLEGAL_ADDRESS;
  case Check::Lifetime:
  case Check::Space:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case Check::Deadlock:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  case Check::Trap:
    if (contains(finding.message, "assert"))
      return CUDA_ERROR_ASSERT;
    return contains(finding.message, "time") ? CUDA_ERROR_LAUNCH_TIMEOUT : CUDA_ERROR_LAUNCH_FAILED;
  default:
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

/// A finding of the driver's own, about an access that no instruction makes.
CUresult findAtHost(Check check, std::string message, const std::string &where, CUresult result) {
  Finding finding;
  finding.check = check;
  finding.message = std::move(message);
  report::finding(finding, where);
  return result;
}

CUresult runKernel(Driver &driver, const KernelWork &work) {
  Options options = driver.launchOptions();
  std::unique_ptr<Statistics> statistics;
  if (driver.environment.statistics)
    options.statistics = (statistics = std::make_unique<Statistics>()).get();
  const std::string &name = work.function->kernel.function->name;
  std::string where = "launch " + std::to_string(driver.numLaunches) + ", kernel " + name;
  LaunchResult result;
  try {
    result = driver.device->launch(work.function->kernel, work.config, work.parameters, options);
  } catch (const ptx::Error &error) {
    report::message("kernel " + name + ": " + error.what());
    return CUDA_ERROR_INVALID_PTX;
  } catch (const std::exception &error) {
    report::message("kernel " + name + ": " + error.what());
    return CUDA_ERROR_LAUNCH_FAILED;
  }
  for (const Finding &finding : result.findings)
    report::finding(finding, where);
  report::suppressed(result.suppressed);
  if (statistics)
    report::text("ptxsim: statistics of " + where + ":\n" + statistics->text());
  return result.completed ? CUDA_SUCCESS : errorOf(result);
}

/// One side of a copy, as a row's address at (y, z).
struct Side {
  uint64_t base;
  size_t x, y, z, pitch, height;
  uint64_t row(size_t atY, size_t atZ) const { return base + x + ((z + atZ) * height + y + atY) * pitch; }
};

Side source(const CUDA_MEMCPY3D &copy) {
  uint64_t base = copy.srcMemoryType == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(copy.srcHost) : copy.srcDevice;
  return {base, copy.srcXInBytes, copy.srcY, copy.srcZ, copy.srcPitch, copy.srcHeight};
}

Side destination(const CUDA_MEMCPY3D &copy) {
  uint64_t base = copy.dstMemoryType == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(copy.dstHost) : copy.dstDevice;
  return {base, copy.dstXInBytes, copy.dstY, copy.dstZ, copy.dstPitch, copy.dstHeight};
}

uint8_t *shadowAt(const Memory &memory, uint64_t address) {
  const Allocation *allocation = memory.find(address);
  return allocation && allocation->shadow ? allocation->shadow + (address - allocation->address) : nullptr;
}

/// Definedness goes with the bytes; what the host gives is defined. At the host border, undefined bits that device code
/// wrote are a finding, once for a copy.
void copyDefinedness(Driver &driver, const CopyWork &work, uint64_t to, uint64_t from, uint64_t bytes, bool &found) {
  Memory &memory = driver.device->memory();
  bool fromDevice = !work.staged && memory.find(from);
  uint64_t undefined = fromDevice ? memory.firstUndefined(from, bytes) : bytes;
  if (undefined < bytes && !found && driver.environment.checks.has(Check::Poison) &&
      work.copy.dstMemoryType == CU_MEMORYTYPE_HOST) {
    found = true;
    findAtHost(Check::Poison,
               "a copy to the host reads " + hex(from + undefined) +
                   ", where device code wrote an undefined value (byte " + std::to_string(undefined) + " of " +
                   std::to_string(bytes) + ")",
               "a copy from device to host", CUDA_SUCCESS);
  }
  uint8_t *toShadow = shadowAt(memory, to);
  if (!toShadow)
    return;
  if (uint8_t *fromShadow = fromDevice ? shadowAt(memory, from) : nullptr)
    std::memmove(toShadow, fromShadow, bytes);
  else
    std::memset(toShadow, 0xff, bytes);
  if (undefined < bytes)
    memory.noteWritten(to, bytes);
}

/// Whether every row of the side lies in living device memory; the offending address otherwise.
bool sideIsAlive(Driver &driver, const Side &side, const CUDA_MEMCPY3D &copy, uint64_t &bad) {
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; ++y)
      if (bad = side.row(y, z); !isDeviceRange(driver, bad, copy.WidthInBytes))
        return false;
  return true;
}

CUresult runCopy(Driver &driver, const CopyWork &work) {
  const CUDA_MEMCPY3D &copy = work.copy;
  Side from = source(copy), to = destination(copy);
  uint64_t bad = 0;
  bool readFails = copy.srcMemoryType == CU_MEMORYTYPE_DEVICE && !sideIsAlive(driver, from, copy, bad);
  if (readFails || (copy.dstMemoryType == CU_MEMORYTYPE_DEVICE && !sideIsAlive(driver, to, copy, bad))) {
    bool freed = false;
    std::string reason = driver.device->memory().explain(bad, copy.WidthInBytes, freed);
    return findAtHost(freed ? Check::Lifetime : Check::Bounds,
                      std::string("a copy ") + (readFails ? "reads " : "writes ") + std::to_string(copy.WidthInBytes) +
                          " bytes at " + hex(bad) + ": " + reason,
                      "an asynchronous copy", CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  bool found = false;
  size_t packed = 0;
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; ++y, packed += copy.WidthInBytes) {
      uint64_t target = to.row(y, z), origin = from.row(y, z);
      const void *bytes = work.staged ? static_cast<const void *>(work.staged->data() + packed)
                                      : reinterpret_cast<const void *>(origin);
      copyDefinedness(driver, work, target, origin, copy.WidthInBytes, found);
      std::memmove(reinterpret_cast<void *>(target), bytes, copy.WidthInBytes);
    }
  return CUDA_SUCCESS;
}

CUresult runMemset(Driver &driver, const MemsetWork &work) {
  for (size_t y = 0; y < work.height; ++y) {
    uint64_t row = work.address + y * work.pitch, bytes = work.width * work.elementBytes;
    if (!isDeviceRange(driver, row, bytes)) {
      bool freed = false;
      std::string reason = driver.device->memory().explain(row, bytes, freed);
      return findAtHost(freed ? Check::Lifetime : Check::Bounds,
                        "a fill writes " + std::to_string(bytes) + " bytes at " + hex(row) + ": " + reason,
                        "an asynchronous memset", CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    for (size_t x = 0; x < work.width; ++x)
      std::memcpy(reinterpret_cast<void *>(row + x * work.elementBytes), &work.value, work.elementBytes);
    driver.device->memory().markDefined(row, bytes);
  }
  return CUDA_SUCCESS;
}

CUresult runFree(Driver &driver, const FreeWork &work) {
  auto found = driver.allocations.find(work.address);
  if (found != driver.allocations.end()) {
    if (found->second.pool)
      found->second.pool->used -= found->second.bytes;
    driver.allocations.erase(found);
  }
  driver.device->memory().free(work.address);
  return CUDA_SUCCESS;
}

struct Runner {
  Driver &driver;
  CUresult operator()(const KernelWork &work) { return runKernel(driver, work); }
  CUresult operator()(const CopyWork &work) { return runCopy(driver, work); }
  CUresult operator()(const MemsetWork &work) { return runMemset(driver, work); }
  CUresult operator()(const FreeWork &work) { return runFree(driver, work); }
  CUresult operator()(const EventWork &work) {
    work.event->time = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
  }
  CUresult operator()(const WriteValueWork &work) {
    if (!isDeviceRange(driver, work.address, work.bytes))
      return findAtHost(Check::Bounds,
                        "a stream writes a value to " + hex(work.address) + ", which is not device memory",
                        "a stream's memory operation", CUDA_ERROR_ILLEGAL_ADDRESS);
    std::memcpy(reinterpret_cast<void *>(work.address), &work.value, work.bytes);
    driver.device->memory().markDefined(work.address, work.bytes);
    return CUDA_SUCCESS;
  }
  CUresult operator()(const WaitValueWork &work) {
    if (!isDeviceRange(driver, work.address, work.bytes))
      return findAtHost(Check::Bounds,
                        "a stream waits for a value at " + hex(work.address) + ", which is not device memory",
                        "a stream's memory operation", CUDA_ERROR_ILLEGAL_ADDRESS);
    return CUDA_SUCCESS;
  }
  // Order alone; host functions are run by the queue, child graphs are expanded when a graph is launched.
  CUresult operator()(const EmptyWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const EventWaitWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const HostWork &) { return CUDA_SUCCESS; }
  CUresult operator()(const GraphWork &) { return CUDA_SUCCESS; }
};

/// Unified addresses become host or device; pinned host memory counts as host. What is called host memory but lies on
/// the device is taken as what it is, as with unified addressing.
void resolveSide(Driver &driver, CUmemorytype &type, uint64_t &host, CUdeviceptr &device) {
  require(type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED,
          type == CU_MEMORYTYPE_ARRAY ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE,
          type == CU_MEMORYTYPE_ARRAY ? "copies of CUDA arrays are not implemented" : "");
  uint64_t address = type == CU_MEMORYTYPE_HOST ? host : device;
  auto known = driver.allocationAt(address);
  bool pinned = known != driver.allocations.end() && known->second.type == CU_MEMORYTYPE_HOST;
  bool onDevice = driver.device->memory().find(address);
  if (type != CU_MEMORYTYPE_DEVICE)
    type = onDevice && !pinned ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  host = device = address;
}

} // namespace

CUresult execute(Driver &driver, Operation &operation) { return std::visit(Runner{driver}, operation.work); }

bool isDeviceRange(Driver &driver, CUdeviceptr address, uint64_t bytes) {
  const Allocation *allocation = driver.device->memory().find(address);
  return allocation && bytes <= allocation->bytes - (address - allocation->address);
}

void checkCopy(Driver &driver, CUDA_MEMCPY3D &copy) {
  uint64_t from = reinterpret_cast<uint64_t>(copy.srcHost), to = reinterpret_cast<uint64_t>(copy.dstHost);
  resolveSide(driver, copy.srcMemoryType, from, copy.srcDevice);
  resolveSide(driver, copy.dstMemoryType, to, copy.dstDevice);
  copy.srcHost = reinterpret_cast<const void *>(from);
  copy.dstHost = reinterpret_cast<void *>(to);
  require(!copy.srcLOD && !copy.dstLOD, CUDA_ERROR_INVALID_VALUE);
  if (!copy.WidthInBytes || !copy.Height || !copy.Depth)
    return;
  // A pitch or height of 0 means packed.
  auto fill = [&](size_t &pitch, size_t &height, size_t x, size_t y) {
    if (!pitch)
      pitch = copy.WidthInBytes + x;
    if (!height)
      height = copy.Height + y;
    bool rows = copy.Height > 1 || copy.Depth > 1 || y;
    require(!rows || copy.WidthInBytes + x <= pitch, CUDA_ERROR_INVALID_VALUE, "a row is longer than the pitch");
    require(copy.Depth == 1 || copy.Height + y <= height, CUDA_ERROR_INVALID_VALUE,
            "a slice has more rows than the height");
  };
  fill(copy.srcPitch, copy.srcHeight, copy.srcXInBytes, copy.srcY);
  fill(copy.dstPitch, copy.dstHeight, copy.dstXInBytes, copy.dstY);
  auto check = [&](CUmemorytype type, const Side &side, const char *what) {
    uint64_t bad = 0;
    if (type == CU_MEMORYTYPE_HOST)
      return require(side.base, CUDA_ERROR_INVALID_VALUE, "the host address is null");
    if (sideIsAlive(driver, side, copy, bad))
      return;
    bool freed = false;
    throw Failure{CUDA_ERROR_INVALID_VALUE,
                  std::string("the ") + what + ", " + std::to_string(copy.WidthInBytes) + " bytes at " + hex(bad) +
                      ", is not device memory: " + driver.device->memory().explain(bad, copy.WidthInBytes, freed)};
  };
  check(copy.srcMemoryType, source(copy), "source");
  check(copy.dstMemoryType, destination(copy), "destination");
}

void stage(Driver &driver, CopyWork &work) {
  const CUDA_MEMCPY3D &copy = work.copy;
  work.staged = std::make_shared<std::vector<uint8_t>>();
  work.staged->reserve(copy.WidthInBytes * copy.Height * copy.Depth);
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; ++y) {
      auto *row = reinterpret_cast<const uint8_t *>(source(copy).row(y, z));
      work.staged->insert(work.staged->end(), row, row + copy.WidthInBytes);
    }
}

} // namespace ptxsim
