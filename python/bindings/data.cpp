// Data sets, and microbatches of them as NumPy arrays.
#include "bindings.h"

#include "runtime/data.h"

using namespace motley::runtime;

namespace motley::python {

template <typename T> static py::array_t<T> copy(const std::vector<T> &values) {
  return py::array_t<T>(values.size(), values.data());
}

static py::dict fieldsOf(const Microbatch &rows) {
  py::dict fields;
  fields["token"] = copy(rows.token);
  fields["target"] = copy(rows.target);
  fields["weight"] = copy(rows.weight);
  fields["modality"] = copy(rows.modality);
  fields["document"] = copy(rows.document);
  fields["span"] = copy(rows.span);
  fields["order"] = copy(rows.order);
  fields["position"] = copy(rows.position);
  fields["index"] = copy(rows.index);
  return fields;
}

void bindData(py::module_ &module) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(module, "Dataset")
      .def(py::init([](const std::string &directory) {
             py::gil_scoped_release release;
             return std::const_pointer_cast<Dataset>(check(Dataset::open(directory)));
           }),
           py::arg("directory"))
      .def_property_readonly("name", &Dataset::name)
      .def_property_readonly("checksum", &Dataset::checksum)
      .def(
          "tokens",
          [](const Dataset &self, const std::string &split) -> py::object {
            const Split *found = self.split(split);
            return found ? py::object(py::int_(found->numTokens)) : py::none();
          },
          py::arg("split"));

  py::class_<Loader>(module, "Loader")
      .def(py::init([](std::shared_ptr<Dataset> dataset, const std::string &split, int64_t rows, uint64_t seed,
                       bool shuffle, const std::map<std::string, double> &balance) {
             return check(Loader::create(std::move(dataset), split, {rows, seed, shuffle, balance}));
           }),
           py::arg("dataset"), py::arg("split"), py::arg("rows"), py::arg("seed") = 0, py::arg("shuffle") = true,
           py::arg("balance") = std::map<std::string, double>())
      .def("next", [](Loader &self) {
        Microbatch rows;
        self.next(rows);
        return py::make_tuple(fieldsOf(rows), rows.live);
      });
}

} // namespace motley::python
