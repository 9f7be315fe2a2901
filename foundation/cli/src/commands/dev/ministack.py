# MiniStack 1.5.33 hands a SecureString to a task as it is stored; ECS hands it over decrypted. A version that does it right is left alone:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
from ministack.services import ssm

if getattr(ssm.resolve_parameter_value, "__defaults__", None) == (None, False):
    ssm.resolve_parameter_value.__defaults__ = (None, True)

from ministack.app import main

main()
