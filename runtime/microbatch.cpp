#include "runtime/microbatch.h"

namespace motley::runtime {

void Microbatch::reset(int64_t newRows) {
  rows = newRows;
  live = 0;
  for (std::vector<int32_t> *field : {&token, &target, &modality, &document, &span, &order, &position, &index})
    field->assign(size_t(rows), 0);
  weight.assign(size_t(rows), 0.0f);
}

std::vector<FieldArgument> Microbatch::fields() const {
  const void *data[] = {token.data(), target.data(), weight.data(),   modality.data(), document.data(),
                        span.data(),  order.data(),  position.data(), index.data()};
  std::vector<FieldArgument> out;
  for (size_t i = 0; i < std::size(fieldKinds); ++i)
    out.push_back({fieldKinds[i].name, fieldKinds[i].dtype, data[i], rows});
  return out;
}

} // namespace motley::runtime
