//! Facts about the kernel: scenarios with what they are known to do.
