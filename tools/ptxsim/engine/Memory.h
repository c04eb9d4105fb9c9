// Device memory: allocations in one reserved range of host addresses (a device address is the host address), their
// shadow, and the resolution of any PTX address to the bytes it names.
#pragma once

#include "check/Finding.h"
#include "engine/Thread.h"

#include <functional>

namespace ptxsim {

struct Allocation {
  uint64_t address = 0, bytes = 0;
  std::string label;         ///< "cuMemAlloc", "parameter block", ".global counter"
  bool readOnly = false;     ///< .const variables and parameter blocks
  bool alive = true;         ///< freed allocations are remembered for "use after free"
  uint8_t *shadow = nullptr; ///< definedness, a bit for a bit (1: defined); null while poison is not tracked
  uint64_t serial = 0;
};

/// What an address names once it is resolved.
struct Location {
  ptx::Space space = ptx::Space::Global; ///< Global, Shared, Local
  uint8_t *host = nullptr;               ///< the bytes
  uint8_t *shadow = nullptr;             ///< their definedness or null
  Cta *cta = nullptr;                    ///< whose window, for Shared
  uint64_t address = 0;                  ///< global: device address; shared: offset in the window; local: offset
};

class Memory {
public:
  explicit Memory(uint64_t capacity);
  ~Memory();
  /// Returns 0 when `capacity` is exhausted. Fresh memory is undefined. Alignment at least 256.
  uint64_t allocate(uint64_t bytes, std::string label, bool readOnly = false, uint64_t alignment = 256);
  /// False if `address` is not the start of a living allocation.
  bool free(uint64_t address);
  /// Memory of the host, outside the range of addresses, becomes an allocation (always defined) until it is disowned.
  /// False if it overlaps one.
  bool adopt(uint64_t address, uint64_t bytes, std::string label, bool readOnly = false);
  void disown(uint64_t address);
  /// The living (or, with `dead`, freed) allocation that contains the address, or null.
  const Allocation *find(uint64_t address, bool dead = false) const;
  /// Host writes and reads: marks bytes defined; whether all bytes of a range are defined.
  void markDefined(uint64_t address, uint64_t bytes);
  uint64_t firstUndefined(uint64_t address, uint64_t bytes)
      const; ///< offset of the first byte that device code wrote undefined bits to, or `bytes`
  /// How many of the elements from `address` on neither host nor device code has written a bit of, and the first one's
  /// index. 0 where poison is not tracked.
  uint64_t countUnwritten(uint64_t address, uint64_t elements, uint64_t elementBytes, uint64_t &first) const;
  uint64_t bytesInUse() const;
  void enableShadow(); ///< from now on every allocation has one; existing bytes count as defined
  void distrustShadow(); ///< device code is about to write without keeping shadows: the next enableShadow starts afresh
  /// Notes that device code writes these bytes, for firstUndefined (resolve does it when poison is tracked).
  void noteWritten(uint64_t address, uint64_t bytes);
  /// Reason why no byte at `address` can be accessed: the nearest allocation, or the freed one that was there.
  std::string explain(uint64_t address, uint64_t bytes, bool &freed) const;
  void forEach(const std::function<void(const Allocation &)> &visit) const; ///< the living ones

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

enum class Access : uint8_t { Read, Write, Atomic };

/// The one way from a PTX address to bytes. Checks window, bounds, alignment (of `alignment` bytes), lifetime,
/// read-only memory, and that the address lies in `space` (Generic: any). A failed check is a fatal finding: the call
/// does not return. For Space::Shared and SharedCluster `address` is a shared address; for Local an offset; else a
/// generic address.
Location resolve(Thread &thread, const Site *site, ptx::Space space, uint64_t address, uint64_t bytes,
                 uint64_t alignment, Access access);

} // namespace ptxsim

/// The slow path of inlined loads and stores (translated code calls it when the inline test fails): resolves by the
/// site's space and bytes and returns the host address, and refreshes the thread's globalLow and globalHigh.
extern "C" uint8_t *ptxsim_address(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t address);
