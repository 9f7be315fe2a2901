# A client reads servers of its own major version and of older ones.
postgresql_client() {
  dnf install -y postgresql18 || dnf install -y postgresql17
}
again postgresql_client
again dnf install -y awscli-2

