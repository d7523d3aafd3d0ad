"""Reference data: labelling, sampling, building, the HDF5 store."""
