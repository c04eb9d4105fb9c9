// Artefacts: from a file, or from the table that the compiler made in this process.
#include "bindings.h"

#include "runtime/artifact.h"

using namespace motley::runtime;

namespace motley::python {

// The table is inside the capsule's owner: the artefact keeps the capsule, whose last reference may go with any thread.
static std::shared_ptr<const Artifact> fromCapsule(py::capsule capsule, const std::string &origin) {
  auto *table = capsule.get_pointer<motley_artifact_table>();
  std::shared_ptr<void> owner(new py::capsule(std::move(capsule)), [](void *held) {
    py::gil_scoped_acquire gil;
    delete static_cast<py::capsule *>(held);
  });
  return check(Artifact::fromTable(table, std::move(owner), origin));
}

void bindArtifact(py::module_ &module) {
  py::class_<Artifact, std::shared_ptr<Artifact>>(module, "Artifact")
      .def_static(
          "load",
          [](const std::string &path) {
            py::gil_scoped_release release;
            return std::const_pointer_cast<Artifact>(check(Artifact::load(path)));
          },
          py::arg("path"))
      .def_static(
          "from_table",
          [](py::capsule capsule, const std::string &origin) {
            return std::const_pointer_cast<Artifact>(fromCapsule(std::move(capsule), origin));
          },
          py::arg("table"), py::arg("origin"))
      .def_property_readonly("manifest", [](const Artifact &self) { return self.manifest().text; })
      .def_property_readonly("origin", &Artifact::origin)
      .def_property_readonly("level", &Artifact::levelName);
}

} // namespace motley::python
