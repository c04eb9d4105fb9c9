// cp.async.bulk.tensor, cp.reduce.async.bulk.tensor and prefetches of tensors (PTX ISA 9.0, section 9.7.9.25.5 "Tensor
// copy"). A box is walked row by row; each 16-byte chunk of a row goes to its swizzled place in shared memory. What
// lies outside of the tensor is filled on loads and skipped on stores.
#include "engine/BulkCopy.h"
#include "engine/TensorUse.h"

#include <cstring>

namespace ptxsim {

namespace {

constexpr uint32_t kSharedAlignment = 128; // of a box's image
constexpr uint32_t kLongestRow = 256 * 8;  // box dimensions end at 256, elements at 8 bytes

struct TensorPayload : Payload {
  unsigned rank = 0;
  bool im2col = false, multicast = false;
  ptx::Space to = ptx::Space::SharedCluster;
  unsigned mapSlot = 0;    ///< followed by the coordinates
  unsigned sharedSlot = 0; ///< destination of loads, source of stores
  int barrierSlot = -1, multicastSlot = -1, offsetsSlot = -1;
  std::string reduction; ///< empty: a copy
};

const TensorPayload &modifiers(const Site *site) { return payload<TensorPayload>(site); }

/// A copy as the operands say it, checked.
struct Request {
  TensorMap map;
  BoxOrigin origin;
  const Allocation *allocation = nullptr;
  uint32_t bytes = 0; ///< of the image
};

void readOperands(Thread &thread, const Site *site, const uint64_t *in, Request &request) {
  const TensorPayload &how = modifiers(site);
  checkAddress(thread, site, in, how.mapSlot);
  fetchMap(thread, site, in[how.mapSlot], request.map);
  Reporter &reporter = *thread.grid->reporter;
  if (request.map.rank != how.rank)
    reporter.fail(Check::Descriptor, thread, site,
                  "the instruction is for a tensor of rank " + std::to_string(how.rank) + ", the map has rank " +
                      std::to_string(request.map.rank));
  if (request.map.im2col != how.im2col)
    reporter.fail(Check::Descriptor, thread, site,
                  std::string("the instruction is for ") + (how.im2col ? "im2col" : "tiled") + " mode, the map for " +
                      (request.map.im2col ? "im2col" : "tiled") + " mode");
  for (unsigned d = 0; d < how.rank; ++d) {
    checkOperand(thread, site, in, how.mapSlot + 1 + d);
    request.origin.coordinates[d] = int32_t(in[how.mapSlot + 1 + d]);
  }
  for (unsigned k = 0; how.offsetsSlot >= 0 && k + 2 < how.rank; ++k) {
    checkOperand(thread, site, in, unsigned(how.offsetsSlot) + k);
    request.origin.offsets[k] = uint16_t(in[how.offsetsSlot + int(k)]);
  }
  if (how.im2col && !startsInBoundingBox(request.map, request.origin))
    reporter.note(Check::Descriptor, &thread, site,
                  "the coordinates of the im2col copy lie outside of the map's bounding box");
  request.bytes = boxBytes(request.map);
}

/// Every row must lie in the tensor's allocation, which a map with wrong sizes or strides leaves.
void checkRows(Thread &thread, const Site *site, Request &request) {
  request.allocation = &allocationOf(thread, site, request.map);
  const Allocation &allocation = *request.allocation;
  BoxRow row;
  for (BoxWalk walk(request.map, request.origin); walk.next(row);) {
    const uint64_t offset = row.global - allocation.address;
    if (row.inside && (row.overflow || row.global < allocation.address || offset > allocation.bytes ||
                       row.inside > allocation.bytes - offset))
      thread.grid->reporter->fail(Check::Descriptor, thread, site,
                                  "the tensor map describes elements at " + hexadecimal(row.global) + ".." +
                                      hexadecimal(row.global + row.inside - 1) + ", outside of the " +
                                      std::to_string(allocation.bytes) + " bytes of '" + allocation.label + "' at " +
                                      hexadecimal(allocation.address) + " where the tensor starts");
  }
}

Location globalRow(const Allocation &allocation, const BoxRow &row) {
  Location where;
  where.space = ptx::Space::Global;
  where.host = reinterpret_cast<uint8_t *>(row.global);
  where.shadow = allocation.shadow ? allocation.shadow + (row.global - allocation.address) : nullptr;
  where.address = row.global;
  return where;
}

Location pieceOf(const Location &image, const ImagePieces::Piece &piece) {
  Location where = image;
  const int64_t moved = int64_t(piece.address) - int64_t(image.address);
  where.host += moved;
  if (where.shadow)
    where.shadow += moved;
  where.address = piece.address;
  return where;
}

/// The image's place in shared memory, checked to its last swizzled chunk.
Location imagePlace(Thread &thread, const Site *site, ptx::Space space, uint64_t address, const Request &request,
                    Access access) {
  const Location image = resolve(thread, site, space, address, request.bytes, kSharedAlignment, access);
  const ImagePieces pieces = piecesOf(uint32_t(image.address), request.bytes, request.map.swizzle);
  for (unsigned k = 0; k < pieces.count; ++k)
    if (pieces.pieces[k].address + pieces.pieces[k].bytes > image.cta->sharedEnd)
      resolve(thread, site, space, address + (pieces.pieces[k].address - image.address), pieces.pieces[k].bytes, 16,
              access);
  return image;
}

SharedImage imageOf(const Location &place, const Request &request) {
  SharedImage image;
  image.window.host = place.cta->shared;
  image.window.shadow = place.cta->sharedShadow;
  image.start = uint32_t(place.address);
  image.bytes = request.bytes;
  image.swizzle = request.map.swizzle;
  return image;
}

/// What loads and stores in flight share.
struct TensorMove : PendingCopy {
  Request request;
  SharedImage image;
  const Thread *issuer = nullptr;
  const Site *site = nullptr;
  void prepare(Thread &thread, const Site *at, const Request &what, const Location &place) {
    request = what;
    image = imageOf(place, what);
    issuer = &thread;
    site = at;
  }
};

struct TensorLoad : TensorMove {
  MbarrierTicket ticket;

  void land() override {
    alignas(16) uint8_t data[kLongestRow], shadow[kLongestRow];
    const TensorMap &map = request.map;
    const unsigned elementBytes = elementBits(map.type) / 8;
    const uint64_t fill = fillBits(map);
    BoxRow row;
    for (BoxWalk walk(map, request.origin); walk.next(row);) {
      std::memset(shadow, 0xff, row.bytes);
      if (row.inside != row.bytes)
        for (uint32_t k = 0; k < row.bytes; k += elementBytes)
          std::memcpy(data + k, &fill, elementBytes);
      if (row.inside) {
        const Location from = globalRow(*request.allocation, row);
        std::memcpy(data + row.before, from.host, row.inside);
        if (from.shadow)
          std::memcpy(shadow + row.before, from.shadow, row.inside);
      }
      if (convertsOnLoad(map.type))
        convert(data, row.bytes);
      image.scatter(row.offset, row.bytes, data, shadow);
    }
    completeCopy(*issuer, site, ticket, request.bytes);
  }
  void convert(uint8_t *data, uint32_t bytes) const {
    for (uint32_t k = 0; k < bytes; k += 4) {
      uint32_t bits;
      std::memcpy(&bits, data + k, 4);
      bits = convertLoaded(request.map.type, bits);
      std::memcpy(data + k, &bits, 4);
    }
  }
};

struct TensorStore : TensorMove {
  Reducer reducer = nullptr;
  std::vector<uint8_t> data, shadow; ///< the image in order, once it has been read

  void read() override {
    if (!data.empty())
      return;
    data.resize(request.bytes);
    shadow.resize(request.bytes);
    image.gather(0, request.bytes, data.data(), shadow.data());
  }
  void land() override {
    read();
    const unsigned elementBytes = elementBits(request.map.type) / 8;
    BoxRow row;
    for (BoxWalk walk(request.map, request.origin); walk.next(row);) {
      if (!row.inside)
        continue;
      Bytes from;
      from.host = data.data() + row.offset + row.before;
      from.shadow = shadow.data() + row.offset + row.before;
      moveBytes(globalRow(*request.allocation, row), from, row.inside, reducer, elementBytes);
    }
  }
};

struct RaceRecord {
  Thread &thread;
  const Site *site;
  const SyncClock &issued;
  void rows(const Request &request, Agent agent, uint64_t operation, Access kind) const {
    BoxRow row;
    for (BoxWalk walk(request.map, request.origin); walk.next(row);)
      if (row.inside)
        thread.grid->races->asyncAccess(thread, site, issued, agent, operation, true,
                                        globalRow(*request.allocation, row), row.inside, kind);
  }
  void image(const Request &request, const Location &place, Agent agent, uint64_t operation, Access kind) const {
    const ImagePieces pieces = piecesOf(uint32_t(place.address), request.bytes, request.map.swizzle);
    for (unsigned k = 0; k < pieces.count; ++k)
      thread.grid->races->asyncAccess(thread, site, issued, agent, operation, true, pieceOf(place, pieces.pieces[k]),
                                      pieces.pieces[k].bytes, kind);
  }
};

void loadBox(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const TensorPayload &how = modifiers(site);
  checkAddress(*thread, site, in, how.sharedSlot);
  checkAddress(*thread, site, in, unsigned(how.barrierSlot));
  Request request;
  readOperands(*thread, site, in, request);
  Multicast blocks;
  blocks.count = 1;
  if (how.multicast) {
    checkOperand(*thread, site, in, unsigned(how.multicastSlot));
    blocks = multicastOf(*thread, site, in[how.multicastSlot]);
  }
  for (unsigned k = 0; k < blocks.count; ++k) {
    const uint64_t to = how.multicast ? inBlock(in[how.sharedSlot], blocks.ranks[k]) : in[how.sharedSlot];
    const uint64_t at = how.multicast ? inBlock(in[how.barrierSlot], blocks.ranks[k]) : in[how.barrierSlot];
    const Location place = imagePlace(*thread, site, how.to, to, request, Access::Write);
    if (k == 0) // only now is the box known to be small
      checkRows(*thread, site, request);
    const MbarrierPlace barrier = liveMbarrier(*thread, site, how.to, at);
    checkSameBlock(*thread, site, barrier, place);
    overlapsBarrier(*thread, site, place, request.bytes);
    SyncClock issued;
    RaceDetector *races = thread->grid->races;
    if (races)
      races->snapshot(*thread, issued);
    auto load = std::make_unique<TensorLoad>();
    load->prepare(*thread, site, request, place);
    load->ticket = announceCopy(*thread, site, barrier, issued, true);
    if (races) {
      const RaceRecord record{*thread, site, issued};
      record.rows(request, load->ticket.agent, load->ticket.operation, Access::Read);
      record.image(request, place, load->ticket.agent, load->ticket.operation, Access::Write);
    }
    if (thread->cta->scheduler->isRandom()) {
      const ImagePieces pieces = piecesOf(uint32_t(place.address), request.bytes, request.map.swizzle);
      for (unsigned p = 0; p < pieces.count; ++p)
        spoilBytes(pieceOf(place, pieces.pieces[p]), pieces.pieces[p].bytes);
    }
    issueOnMbarrier(*thread, *barrier.cta, std::move(load));
  }
}

ptx::Type elementType(TensorType type) {
  using ptx::Type;
  static constexpr Type types[] = {Type::U8,  Type::U16, Type::U32,  Type::S32, Type::U64, Type::S64, Type::F16,
                                   Type::F32, Type::F64, Type::BF16, Type::F32, Type::F32, Type::F32};
  return types[unsigned(type)];
}

void storeBox(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  const TensorPayload &how = modifiers(site);
  checkAddress(*thread, site, in, how.sharedSlot);
  Request request;
  readOperands(*thread, site, in, request);
  const Location place = imagePlace(*thread, site, ptx::Space::Shared, in[how.sharedSlot], request, Access::Read);
  checkRows(*thread, site, request);
  Reporter &reporter = *thread->grid->reporter;
  if (request.allocation->readOnly)
    reporter.fail(Check::Bounds, *thread, site,
                  "the tensor lies in '" + request.allocation->label + "', which is read-only");
  Reducer reducer = nullptr;
  if (!how.reduction.empty() && !(reducer = reducerFor(how.reduction, elementType(request.map.type))))
    reporter.fail(Check::Descriptor, *thread, site,
                  "the reduction ." + how.reduction + " does not exist for the map's type " +
                      ptx::name(elementType(request.map.type)).str());
  if (thread->grid->poison) {
    BoxRow row;
    for (BoxWalk walk(request.map, request.origin); walk.next(row);)
      if (row.inside)
        thread->grid->device->memory().noteWritten(row.global, row.inside);
  }
  CopyQueue &queue = queueOf(*thread, QueueKind::Bulk);
  const uint64_t operation = newOperation(*thread, queue, QueueKind::Bulk);
  if (RaceDetector *races = thread->grid->races) {
    SyncClock issued;
    races->snapshot(*thread, issued);
    const RaceRecord record{*thread, site, issued};
    record.image(request, place, queue.readAgent, operation, Access::Read);
    if (reducer || !repeatsStore(*thread, site, in, queue, operation))
      record.rows(request, queue.agent, operation, reducer ? Access::Atomic : Access::Write);
  }
  auto store = std::make_unique<TensorStore>();
  store->prepare(*thread, site, request, place);
  store->reducer = reducer;
  issueInGroup(*thread, queue, operation, std::move(store));
}

void prefetchBox(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  thread->site = site;
  Request request;
  readOperands(*thread, site, in, request);
  allocationOf(*thread, site, request.map);
}

[[noreturn]] void refuse(const Site &site, const std::string &why) {
  throw ptx::Error(site.instruction->position, "'" + site.instruction->spelling() + "': " + why);
}

unsigned rankOf(const Site &site) {
  const llvm::StringRef rank = site.instruction->first({"1d", "2d", "3d", "4d", "5d"});
  if (rank.empty())
    refuse(site, "the tensor's rank is missing");
  return unsigned(rank[0] - '0');
}

bool isIm2col(const Site &site) {
  for (llvm::StringRef part : site.instruction->parts) {
    if (part == "im2col" || part == "im2col_no_offs")
      return true;
    if (part.starts_with("im2col::w") || part.starts_with("tile::"))
      refuse(site, "." + part.str() + " needs sm_100");
    if (part == "cta_group::2")
      refuse(site, ".cta_group::2 needs sm_100");
  }
  return false;
}

} // namespace

void bindTensorCopy(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  const std::vector<int> slots = sourceSlots(instruction);
  auto how = std::make_unique<TensorPayload>();
  how->rank = rankOf(site);
  how->im2col = isIm2col(site);
  const bool prefetches = instruction.has("prefetch"), stores = !prefetches && instruction.has("bulk_group");
  const size_t map = prefetches || stores ? 0 : 1;
  const size_t least = prefetches ? 1 : stores ? 2 : 3;
  if (instruction.operands.size() < least || instruction.operands[map].elements.empty())
    refuse(site, "operands are missing");
  const ptx::Operand &tensor = instruction.operands[map];
  const size_t coordinates = tensor.elements.size() == 1 && tensor.elements[0].kind == ptx::Operand::Kind::Vector
                                 ? tensor.elements[0].elements.size()
                                 : tensor.elements.size();
  if (coordinates != how->rank)
    refuse(site, std::to_string(coordinates) + " coordinates for a tensor of rank " + std::to_string(how->rank));
  if (how->im2col && how->rank < 3)
    refuse(site, "im2col mode needs a tensor of rank 3 to 5");
  how->mapSlot = unsigned(slots[map]);
  size_t next = least;
  if (prefetches) {
    site.handler = prefetchBox;
  } else if (stores) {
    how->sharedSlot = unsigned(slots[1]);
    if (instruction.parts[1] == "reduce")
      how->reduction = instruction.first({"add", "min", "max", "inc", "dec", "and", "or", "xor"}).str();
    site.handler = storeBox;
  } else {
    how->to = sharedSpaceOf(instruction);
    how->sharedSlot = unsigned(slots[0]);
    how->barrierSlot = slots[2];
    site.handler = loadBox;
  }
  if (how->im2col && !stores) {
    if (instruction.operands.size() <= next || instruction.operands[next].elements.size() != how->rank - 2)
      refuse(site, "im2col loads need " + std::to_string(how->rank - 2) + " offsets");
    how->offsetsSlot = slots[next++];
  }
  if (instruction.has("multicast::cluster")) {
    how->multicast = true;
    if (instruction.operands.size() <= next)
      refuse(site, "the block mask is missing");
    how->multicastSlot = slots[next++];
  }
  site.payload = std::move(how);
}

} // namespace ptxsim
