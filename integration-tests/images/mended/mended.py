"""MiniStack with what stands between it and a running application set right, each with its reason.

1.5.33 hands a SecureString to a task as it is stored ("ENCRYPTED:" and base64): services/ecs.py,
_resolve_container_secrets asks ssm.resolve_parameter_value without decrypt=True. ECS hands it over
decrypted (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html).
"""

from ministack.services import ssm

if ssm.resolve_parameter_value.__defaults__ != (None, False):
    raise SystemExit("MiniStack's ssm.resolve_parameter_value is another one: see whether it still needs this")
ssm.resolve_parameter_value.__defaults__ = (None, True)

from ministack.app import main  # noqa: E402

main()
