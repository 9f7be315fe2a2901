#!/bin/bash
# Runs once, as root, when the host starts for the first time; running it again changes nothing.
set -euo pipefail

# The way to the internet may open only after the host has started.
again() {
  for _ in $(seq 60); do
    if "$@"; then return 0; fi
    sleep 10
  done
  return 1
}

# The smallest hosts have 512 MB of memory, which is too little for dnf.
if [ ! -e /swapfile ]; then
  install -m 600 /dev/null /swapfile.new
  dd if=/dev/zero of=/swapfile.new bs=1M count=1024 status=none
  mkswap /swapfile.new
  mv /swapfile.new /swapfile
fi
grep -q '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >>/etc/fstab
grep -q '^/swapfile ' /proc/swaps || swapon /swapfile

