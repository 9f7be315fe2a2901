# MiniStack 1.5.33 hands a SecureString to a task as it is stored; ECS hands it over decrypted. A version that does it right is left alone:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
from ministack.services import ecs, ssm

if getattr(ssm.resolve_parameter_value, "__defaults__", None) == (None, False):
    ssm.resolve_parameter_value.__defaults__ = (None, True)

# It tells of modes that nobody has set as empty words, which AWS would refuse in the next revision; AWS does not tell of them.
register = ecs._ACTION_MAP["RegisterTaskDefinition"]


def register_without_empty_modes(data):
    answer = register(data)
    for definition in ecs._task_defs.values():
        for mode in ("pidMode", "ipcMode"):
            if definition.get(mode) == "":
                del definition[mode]
    return answer


ecs._ACTION_MAP["RegisterTaskDefinition"] = register_without_empty_modes

from ministack.app import main

main()
