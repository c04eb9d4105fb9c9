// kernel-bench FILE [level] [row tile] [rows]: runs each matmul and outer kernel of a plan on random data, one thread,
// and prints one JSON line per kernel: shape, GFLOP/s, and the ratio to the peak that the same process measured: of
// fma, or of pairs of bf16 for a kernel that rounds to them at a level that has them.
//
// Rows are shared out evenly among the groups; gathered rows are a random permutation. Each unit is timed by itself and
// the best of the repeats is summed, so that other load on the machine counts little.
#include "Peak.h"
#include "codegen/Codegen.h"
#include "codegen/Lowering.h"
#include "codegen/cpu/Kernels.h"
#include "dialect/Plan.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <numeric>
#include <random>
#include <sys/mman.h>

using namespace mlir;

namespace {

struct Settings {
  int level = motley::codegen::hostLevel();
  int64_t rowTile = 128;
  int64_t rows = 0; ///< live rows; 0: all that the operands hold
};

/// 2 MiB aligned and asked to be huge pages, as the runtime keeps large state.
void *allocate(size_t bytes) {
  constexpr size_t kHuge = size_t(2) << 20;
  size_t rounded = (bytes + kHuge - 1) / kHuge * kHuge;
  void *memory = std::aligned_alloc(kHuge, rounded);
  madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

class KernelRun {
public:
  KernelRun(plan::KernelOp kernel, const Settings &settings) : kernel(kernel), settings(settings) {
    if (auto matmul = dyn_cast<plan::MatmulAttr>(kernel.getFamily()))
      prepare(matmul.getMap().size(), matmul.getColumnBlocks());
    if (auto outer = dyn_cast<plan::OuterAttr>(kernel.getFamily()))
      prepareOuter(outer);
  }
  ~KernelRun() {
    for (void *memory : memories)
      std::free(memory);
  }

  llvm::json::Object run(motley_kernel function, int64_t scratchBytes, double peak) {
    void *scratch = allocate(scratchBytes);
    memories.push_back(scratch);
    std::vector<double> best(numUnits, 1e9);
    double end = secondsNow() + 1;
    do {
      for (int64_t unit = 0; unit < numUnits; ++unit) {
        double start = secondsNow();
        function(slots.data(), scratch, unit, unit + 1);
        best[unit] = std::min(best[unit], secondsNow() - start);
      }
    } while (secondsNow() < end);
    double seconds = 0;
    for (double unit : best)
      seconds += unit;
    double speed = flops() / seconds * 1e-9;
    return llvm::json::Object{{"kernel", kernel.getSymName()},
                              {"rows", liveRows},
                              {"depth", depth},
                              {"columns", columns},
                              {"units", numUnits},
                              {"gflops", speed},
                              {"peak", peak},
                              {"ratio", speed / peak}};
  }

private:
  double flops() { return 2.0 * liveRows * depth * columns; }

  void prepare(int64_t numGroups, int64_t columnBlocks) {
    fillOperands();
    bool isTransposed = cast<plan::MatmulAttr>(kernel.getFamily()).getForm() == plan::MatmulForm::transposed;
    setShape(isTransposed ? lastShape() : shapes[0]);
    int64_t numRanges = cast<plan::MatmulAttr>(kernel.getFamily()).getPanels().size();
    for (int64_t i = 0; i < numRanges; ++i)
      columns += isTransposed ? shapes[i][1] : lastShape()[1];
    int64_t tiles = isTransposed ? numRanges + 1 : 2;
    auto *list = reinterpret_cast<int32_t *>(slots[tiles]);
    if (cast<plan::MatmulAttr>(kernel.getFamily()).getGathered())
      permute(tiles + 1);
    int64_t numTiles = 0;
    forEachGroup(numGroups, [&](int64_t group, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row += settings.rowTile) {
        int32_t *entry = list + 3 * numTiles++;
        entry[0] = group;
        entry[1] = row;
        entry[2] = std::min(settings.rowTile, end - row);
      }
    });
    numUnits = numTiles * columnBlocks;
  }

  void prepareOuter(plan::OuterAttr family) {
    fillOperands();
    setShape(shapes[0]);
    int64_t numRanges = family.getPanels().size(), numBlocks = 0;
    for (int64_t i = 0; i < numRanges; ++i) {
      columns += shapes[1 + i][1];
      numBlocks += llvm::divideCeil(llvm::divideCeil(shapes[1 + i][1], 32), family.getPanelsPerBlock());
    }
    bool isGathered = family.getGatheredInput() || family.getGatheredCotangents();
    if (isGathered)
      permute(1 + numRanges);
    auto *offset = reinterpret_cast<int32_t *>(slots[1 + numRanges + isGathered]);
    offset[0] = 0;
    forEachGroup(family.getMap().size(), [&](int64_t group, int64_t, int64_t end) { offset[group + 1] = end; });
    llvm::SmallDenseSet<int64_t> members(family.getMap().begin(), family.getMap().end());
    members.erase(-1);
    numUnits = members.size() * numBlocks;
    slots[2 + numRanges + isGathered] = 1;
  }

  /// Operand `number` gets the rows in a random order.
  void permute(int64_t number) {
    auto *row = reinterpret_cast<int32_t *>(slots[number]);
    std::iota(row, row + shapes[number][0], 0);
    std::shuffle(row, row + shapes[number][0], std::mt19937(2));
  }
  void setShape(ArrayRef<int64_t> rowMatrix) {
    depth = rowMatrix[1];
    liveRows = settings.rows ? std::min(settings.rows, rowMatrix[0]) : rowMatrix[0];
  }
  ArrayRef<int64_t> lastShape() { return shapes.back(); }
  void forEachGroup(int64_t numGroups, llvm::function_ref<void(int64_t, int64_t, int64_t)> body) {
    for (int64_t group = 0; group < numGroups; ++group)
      body(group, liveRows * group / numGroups, liveRows * (group + 1) / numGroups);
  }

  void fillOperands() {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (Type type : kernel.getOperandTypes().getAsValueRange<TypeAttr>()) {
      auto memref = dyn_cast<MemRefType>(type);
      shapes.emplace_back(memref ? SmallVector<int64_t>(memref.getShape()) : SmallVector<int64_t>());
      if (!memref) {
        slots.push_back(0);
        continue;
      }
      auto *data = static_cast<float *>(allocate(memref.getNumElements() * 4));
      if (memref.getElementType().isF32())
        std::generate(data, data + memref.getNumElements(), [&] { return uniform(random); });
      memories.push_back(data);
      slots.push_back(reinterpret_cast<int64_t>(data));
    }
  }

  plan::KernelOp kernel;
  Settings settings;
  SmallVector<SmallVector<int64_t>> shapes;
  std::vector<int64_t> slots;
  std::vector<void *> memories;
  int64_t numUnits = 0, liveRows = 0, depth = 0, columns = 0;
};

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    llvm::errs() << "usage: kernel-bench FILE [level 0|1|2] [row tile] [live rows]\n";
    return 2;
  }
  Settings settings;
  if (argc > 2)
    settings.level = std::atoi(argv[2]);
  if (argc > 3)
    settings.rowTile = std::atoll(argv[3]);
  if (argc > 4)
    settings.rows = std::atoll(argv[4]);
  MLIRContext context;
  motley::codegen::prepareContext(context);
  auto module = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  auto jit = motley::codegen::jit(*module, settings.level);
  if (!jit) {
    llvm::errs() << llvm::toString(jit.takeError()) << "\n";
    return 1;
  }
  const motley_artifact_table *table = (*jit)->table();
  auto manifest = llvm::cantFail(llvm::json::parse(StringRef(table->manifest, table->manifest_size)));
  double peaks[] = {measurePeak(settings.level, false), measurePeak(settings.level, true)};
  for (auto [i, kernel] : llvm::enumerate(module->getOps<plan::KernelOp>())) {
    if (!isa<plan::MatmulAttr, plan::OuterAttr>(kernel.getFamily()))
      continue;
    int64_t scratch = *(*manifest.getAsObject()->getArray("kernels"))[i].getAsObject()->getInteger("scratch_bytes");
    llvm::json::Object line = KernelRun(kernel, settings)
                                  .run(table->kernels[settings.level * table->num_kernels + i], scratch,
                                       peaks[motley::codegen::roundsToBf16(kernel)]);
    llvm::outs() << llvm::json::Value(std::move(line)) << "\n";
  }
  return 0;
}
