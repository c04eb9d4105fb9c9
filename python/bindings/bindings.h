// What the files of the module _motley share: turning a Status into a Python exception, and one function per file.
#ifndef MOTLEY_PYTHON_BINDINGS_H
#define MOTLEY_PYTHON_BINDINGS_H

#include "runtime/status.h"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace motley::python {

namespace py = pybind11;

/// A Status on its way to Python, where it is `_motley.Failure(text, code, origin)`.
struct Failure {
  runtime::Status status;
};

inline void check(runtime::Status status) {
  if (!status.isOk())
    throw Failure{std::move(status)};
}

template <typename T> T check(runtime::Result<T> result) {
  if (!result.isOk())
    throw Failure{result.status()};
  return result.take();
}

void bindArtifact(py::module_ &module);
void bindCheckpoint(py::module_ &module);
void bindData(py::module_ &module);
void bindSession(py::module_ &module);
void bindTrainer(py::module_ &module);

} // namespace motley::python

#endif // MOTLEY_PYTHON_BINDINGS_H
