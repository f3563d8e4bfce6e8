"""The types of the REST contract: what callers send, what is stored, what is rendered and replied.

One module for each noun; import from it directly (`contract.devices.DeviceConfig`), so that nobody
pays for what he does not use.  `base` states how JSON and attributes relate.  A part that
this release stores without looking into it is a `JsonObject`.
"""
