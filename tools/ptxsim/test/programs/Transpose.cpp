#include "Harness.h"

using namespace programs;

template <class T> static void check(const Module &module, const char *kernel, int rows, int columns) {
  std::vector<T> in(rows * columns), wanted(rows * columns);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      wanted[c * rows + r] = in[r * columns + c] = T(r * 100 + c + 1);
  Buffer<T> device(in), out(in.size());
  launch(module.kernel(kernel), {.grid = {ceilDiv(columns, 32), ceilDiv(rows, 32)}, .block = {32, 8}},
         static_cast<const T *>(device.get()), out.get(), rows, columns);
  expectEqual(kernel, out.read(), wanted);
}

PROGRAM(Transpose, 80) {
  Module module;
  struct {
    int rows, columns;
  } shapes[] = {{1, 1}, {32, 32}, {33, 70}, {65, 31}};
  for (auto [rows, columns] : shapes) {
    check<float>(module, "transposeFloat", rows, columns);
    check<int16_t>(module, "transposeShort", rows, columns);
  }
}
