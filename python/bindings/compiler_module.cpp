// The module _motley_compiler: the compiler as Python sees it.
#include "compiler.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace motley::python;

// pybind11 calls translators without captured state; the type lives as long as the interpreter.
static PyObject *failureType = nullptr;

static void translate(std::exception_ptr pointer) {
  try {
    if (pointer)
      std::rethrow_exception(pointer);
  } catch (const CompileFailure &failure) {
    py::list diagnostics;
    for (const Diagnostic &one : failure.diagnostics)
      diagnostics.append(py::make_tuple(one.severity, one.message, one.file, one.line, one.column));
    PyErr_SetObject(failureType, py::make_tuple(diagnostics, failure.brokenPass).ptr());
  }
}

PYBIND11_MODULE(_motley_compiler, module) {
  module.doc() = "Bindings of the Motley compiler; use the package motley instead.";
  failureType = PyErr_NewExceptionWithDoc(
      "_motley_compiler.Failure",
      "args: diagnostics as (severity, message, file, line, column), and the pass that broke the program or ''",
      nullptr, nullptr);
  module.attr("Failure") = py::reinterpret_borrow<py::object>(failureType);
  py::register_exception_translator(translate);
  module.def(
      "compile",
      [](const std::string &text, const std::string &name, const std::string &emit, const std::string &path) {
        py::gil_scoped_release release;
        return compile(text, name, emit, path);
      },
      py::arg("text"), py::arg("name"), py::arg("emit"), py::arg("path") = "");
  module.def(
      "jit",
      [](const std::string &text, const std::string &name, const std::string &level) {
        auto made = [&] {
          py::gil_scoped_release release;
          return std::make_unique<Jitted>(jit(text, name, level));
        }();
        const motley_artifact_table *table = made->table;
        py::capsule capsule(table, "motley_artifact_table",
                            [](PyObject *held) { delete static_cast<Jitted *>(PyCapsule_GetContext(held)); });
        PyCapsule_SetContext(capsule.ptr(), made.release());
        return capsule;
      },
      py::arg("text"), py::arg("name"), py::arg("level") = "");
}
