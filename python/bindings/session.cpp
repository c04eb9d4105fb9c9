// Sessions: functions on NumPy arrays, and variables by name.
#include "bindings.h"

#include "runtime/checkpoint.h"
#include "runtime/session.h"

using namespace motley::runtime;

namespace motley::python {

template <typename T> using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

namespace {
/// Fields converted to the types that the runtime takes; `held` keeps the arrays alive.
struct Fields {
  std::vector<py::array> held;
  std::vector<FieldArgument> arguments;
};
} // namespace

template <typename T> static void addField(Fields &fields, const std::string &name, DType dtype, py::handle value) {
  Array<T> array = Array<T>::ensure(value);
  if (!array || array.ndim() != 1)
    throw Failure{Status::error(Code::InvalidArgument, "field '" + name + "' is not an array of one dimension")};
  fields.arguments.push_back({name, dtype, array.data(), array.shape(0)});
  fields.held.push_back(std::move(array));
}

static Fields convertFields(const py::dict &given) {
  Fields fields;
  for (auto [key, value] : given) {
    auto name = key.cast<std::string>();
    if (name == "weight")
      addField<float>(fields, name, DType::F32, value);
    else
      addField<int32_t>(fields, name, DType::I32, value);
  }
  return fields;
}

static py::dict run(Session &session, const std::string &function, const py::dict &given, int64_t live,
                    const Scalars &scalars) {
  Fields fields = convertFields(given);
  std::vector<Output> outputs;
  {
    py::gil_scoped_release release;
    outputs = check(session.run(function, fields.arguments, live, scalars));
  }
  py::dict result;
  for (const Output &one : outputs) {
    py::array_t<double> array(std::vector<py::ssize_t>(one.shape.begin(), one.shape.end()));
    std::copy(one.values.begin(), one.values.end(), array.mutable_data());
    result[one.name.c_str()] = array;
  }
  return result;
}

static py::array_t<float> read(Session &session, const std::string &name, const std::string &slot) {
  const Variable *variable = session.state().find(name);
  if (!variable)
    throw Failure{Status::error(Code::NotFound, "there is no variable '" + name + "'")};
  py::array_t<float> array(std::vector<py::ssize_t>(variable->shape.begin(), variable->shape.end()));
  check(session.state().read(name, slot, array.mutable_data(), array.size()));
  return array;
}

static void write(Session &session, const std::string &name, const std::string &slot, const Array<float> &values) {
  const Variable *variable = session.state().find(name);
  if (!variable)
    throw Failure{Status::error(Code::NotFound, "there is no variable '" + name + "'")};
  Shape shape(values.shape(), values.shape() + values.ndim());
  if (shape != variable->shape)
    throw Failure{Status::error(Code::InvalidArgument, "values for variable '" + name + "' have the shape " +
                                                           shapeText(shape) + "; expected " +
                                                           shapeText(variable->shape))};
  check(session.state().write(name, slot, values.data(), values.size()));
}

static py::list variables(const Session &session) {
  py::list found;
  for (const Variable &one : session.state().variables())
    found.append(py::make_tuple(one.name, py::tuple(py::cast(one.shape)), one.table));
  return found;
}

static py::list profile(const Session &session) {
  py::list found;
  for (const KernelProfile &one : session.launcher().profile())
    found.append(py::make_tuple(one.name, one.family, one.calls, one.seconds));
  return found;
}

void bindSession(py::module_ &module) {
  py::class_<Session>(module, "Session")
      .def(py::init([](std::shared_ptr<Artifact> artifact, int threads) {
             return check(Session::create(std::move(artifact), threads));
           }),
           py::arg("artifact"), py::arg("threads") = 0)
      .def("run", &run, py::arg("function"), py::arg("fields"), py::arg("live"), py::arg("scalars"))
      .def(
          "call",
          [](Session &self, const std::string &function, const Scalars &scalars) {
            std::vector<Output> outputs;
            {
              py::gil_scoped_release release;
              outputs = check(self.run(function, scalars));
            }
            std::map<std::string, std::vector<double>> result;
            for (Output &one : outputs)
              result[one.name] = std::move(one.values);
            return result;
          },
          py::arg("function"), py::arg("scalars"))
      .def("variables", &variables)
      .def("read", &read, py::arg("variable"), py::arg("slot") = slotParam)
      .def("write", &write, py::arg("variable"), py::arg("slot"), py::arg("values"))
      .def(
          "load_parameters",
          [](Session &self, const std::string &path, bool averaged) {
            py::gil_scoped_release release;
            return check(loadParameters(path, self.state(), averaged)).step;
          },
          py::arg("path"), py::arg("averaged") = false)
      .def(
          "initialise",
          [](Session &self, uint64_t seed) {
            py::gil_scoped_release release;
            check(self.initialise(seed));
          },
          py::arg("seed"))
      .def("set_averaged", &Session::setAveraged, py::arg("on"))
      .def("has_slot",
           [](const Session &self, const std::string &name, const std::string &slot) {
             const Variable *variable = self.state().find(name);
             return variable && self.state().hasSlot(*variable, slot);
           })
      .def(
          "set_profiling",
          [](Session &self, bool on) {
            self.launcher().clearProfile();
            self.launcher().setProfiling(on);
          },
          py::arg("on"))
      .def("profile", &profile)
      .def_property_readonly("threads", [](const Session &self) { return self.launcher().threads(); })
      .def_property_readonly("last_launches", [](const Session &self) { return self.launcher().lastLaunches(); })
      .def_property_readonly("memory_bytes", &Session::memoryBytes);
}

} // namespace motley::python
