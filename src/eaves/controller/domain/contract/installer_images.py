"""Installer images of single devices."""

from eaves.controller.domain.contract.base import Contract, OpenEnum


class DeviceGenerateImageType(OpenEnum):
    INSTALLER = "Installer"
    LIVE = "Live"


class DeviceGenerateImageArchVariant(OpenEnum):
    GENERIC = "Generic"
    FR201 = "Fr201"
    JETSON = "Jetson"


class DeviceImageGenerateStatus(OpenEnum):
    UNAVAILABLE = "Unavailable"
    STARTING = "Starting"
    IN_PROGRESS = "InProgress"
    DOWNLOADING_CONTAINER_IMAGE = "DownloadingContainerImage"
    RUNNING_CONTAINER = "RunningContainer"
    UPLOADING_IMAGE = "UploadingImage"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"


class SingleUseImageReq(Contract):
    """The body that asks for an image; the contract has no word for it."""

    image_tag: str = ""
    image_type: DeviceGenerateImageType = DeviceGenerateImageType.INSTALLER
    install_disk: str = ""
    persist_disk: str = ""
    arch_variant: DeviceGenerateImageArchVariant = DeviceGenerateImageArchVariant.GENERIC


class DeviceSingleUseImageResp(Contract):
    device_id: str = ""
    enterprise_id: str = ""
    generationstatus: DeviceImageGenerateStatus = DeviceImageGenerateStatus.UNAVAILABLE


class DeviceSingleUseImageDownloadLinkResp(Contract):
    id: str = ""
    link: str = ""
