//! Scenarios that once differed, as a difference prints them. Owns the scenarios; what they are to do only the kernel knows.
