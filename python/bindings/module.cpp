// The module _motley: the runtime as Python sees it.
#include "bindings.h"

#include "runtime/env.h"

namespace motley::python {

// pybind11 calls translators without captured state; the type lives as long as the interpreter.
static PyObject *failureType = nullptr;

static void translate(std::exception_ptr pointer) {
  try {
    if (pointer)
      std::rethrow_exception(pointer);
  } catch (const Failure &failure) {
    py::tuple arguments =
        py::make_tuple(failure.status.text(), runtime::codeName(failure.status.code()), failure.status.origin());
    PyErr_SetObject(failureType, arguments.ptr());
  }
}

PYBIND11_MODULE(_motley, module) {
  module.doc() = "Bindings of the Motley runtime; use the package motley instead.";
  failureType = PyErr_NewExceptionWithDoc("_motley.Failure", "args: text, code, origin in the runtime's source",
                                          nullptr, nullptr);
  module.attr("Failure") = py::reinterpret_borrow<py::object>(failureType);
  py::register_exception_translator(translate);
  bindArtifact(module);
  bindCheckpoint(module);
  bindData(module);
  bindSession(module);
  bindTrainer(module);
  py::list switches;
  for (const runtime::env::Switch &one : runtime::env::all)
    switches.append(py::make_tuple(one.name, one.values, one.meaning));
  module.attr("switches") = switches;
}

} // namespace motley::python
