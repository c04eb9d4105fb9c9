// Checkpoints as files: tensors by name, and parameters written for another model.
#include "bindings.h"

#include "runtime/checkpoint.h"

#include <cstring>

using namespace motley::runtime;

namespace motley::python {

namespace {
/// A sound checkpoint that is open.
struct CheckpointFile {
  CheckpointInfo info;
  std::unique_ptr<SafetensorsFile> file;
};
} // namespace

static std::unique_ptr<CheckpointFile> openCheckpoint(const std::string &path) {
  py::gil_scoped_release release;
  auto opened = std::make_unique<CheckpointFile>();
  opened->info = check(readCheckpointInfo(path));
  opened->file = check(SafetensorsFile::open(path));
  return opened;
}

static py::dict shapesOf(const CheckpointFile &self) {
  py::dict shapes;
  for (const TensorView &tensor : self.file->tensors())
    shapes[tensor.name.c_str()] = py::tuple(py::cast(tensor.shape));
  return shapes;
}

static py::array_t<float> readTensor(const CheckpointFile &self, const std::string &name) {
  const TensorView *tensor = check(self.file->require(name, "F32"));
  py::array_t<float> array(std::vector<py::ssize_t>(tensor->shape.begin(), tensor->shape.end()));
  std::memcpy(array.mutable_data(), tensor->data, size_t(tensor->bytes));
  return array;
}

// `values` is called for each name when its turn comes, so that one tensor is held at a time.
static void writeTensors(const std::string &path, const std::vector<std::pair<std::string, Shape>> &tensors,
                         const std::function<py::array(const std::string &)> &values, uint64_t seed,
                         const std::string &data, const std::string &config) {
  std::vector<TensorSource> sources;
  for (const auto &[name, shape] : tensors)
    sources.push_back({name, "F32", shape, [&, name = name, shape = shape](void *out) {
                         auto array =
                             py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(values(name));
                         if (!array || Shape(array.shape(), array.shape() + array.ndim()) != shape)
                           return Status::error(Code::Internal, "values of '" + name + "' have another shape");
                         std::memcpy(out, array.data(), size_t(array.nbytes()));
                         return Status::ok();
                       }});
  check(writeParameters(path, sources, {0, seed, data, config}));
}

void bindCheckpoint(py::module_ &module) {
  py::class_<CheckpointFile>(module, "Checkpoint")
      .def(py::init(&openCheckpoint), py::arg("path"))
      .def_property_readonly("step", [](const CheckpointFile &self) { return self.info.step; })
      .def_property_readonly("seed", [](const CheckpointFile &self) { return self.info.seed; })
      .def_property_readonly("data", [](const CheckpointFile &self) { return self.info.data; })
      .def_property_readonly("config", [](const CheckpointFile &self) { return self.info.config; })
      .def_property_readonly("shapes", &shapesOf)
      .def("read", &readTensor, py::arg("name"));
  module.def("write_parameters", &writeTensors, py::arg("path"), py::arg("tensors"), py::arg("values"), py::arg("seed"),
             py::arg("data"), py::arg("config"));
}

} // namespace motley::python
