again amazon-linux-extras install -y postgresql14
# The image has version 1 of the AWS CLI, and yum has no other.
case "$(/usr/local/bin/aws --version 2>&1 || true)" in
  aws-cli/2*) ;;
  *)
    again yum install -y unzip
    work=$(mktemp -d)
    again curl -fsSL -o "$work/aws.zip" "https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip"
    unzip -q "$work/aws.zip" -d "$work"
    "$work/aws/install" --update
    rm -rf "$work"
    ;;
esac

