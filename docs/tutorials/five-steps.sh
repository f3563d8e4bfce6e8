#!/bin/bash
# From an empty controller to a fleet and back, in five steps; five-steps.md tells the story.
#
# You are logged in as somebody who administers the controller.  FOLDER is made, and holds every
# file that the steps use.  SERVER is where devices call, if it is not what the controller tells.
#
#   docs/tutorials/five-steps.sh FOLDER [SERVER]
set -euo pipefail
mkdir -p "$1" && cd "$1"
SERVER=${2:-}
step() { printf '\n== %s\n' "$*"; }
file() { cat > "$1"; }

BEFORE=$(eaves context show | sed -n 's/^name: //p')

step "Step 0: a tenant, people, hardware, software"
file tenant.yaml <<'YAML'
{kind: enterprise, name: acme, title: Acme}
YAML
eaves apply -f tenant.yaml
eaves user allow admin --into acme --role SysAdmin
eaves context enter acme --name acme
eaves token create > token
chmod 600 token

file people.yaml <<'YAML'
kind: role
name: plant-operator
title: Operates the plant
scopes:
  - accessDevice: PermissionAccessReadUpdateExecute
    accessAppInstance: PermissionAccessReadUpdateExecute
    projects: [plant]
---
kind: user
name: olga
email: olga@example.com
role: plant-operator
YAML
eaves model import Virtual-QEMU-AMD64
file library.yaml <<'YAML'
{kind: datastore, name: registry, dsType: CONTAINERREGISTRY, dsFQDN: "docker://registry.example.com",
 secret: {apiKey: reader, apiPasswd: secret-of-the-registry}}
---
{kind: image, name: nginx-1.27, datastore: registry, imageType: APPLICATION,
 imageFormat: CONTAINER, imageArch: AMD64, imageRelUrl: "nginx:1.27"}
---
{kind: datastore, name: own, dsType: FILE_STORAGE}
---
{kind: image, name: disk, datastore: own, imageType: APPLICATION, imageFormat: RAW,
 imageArch: AMD64}
YAML
eaves apply -f library.yaml
head -c 3000000 /dev/zero > disk.raw   # stands for a disk of yours
eaves image upload disk disk.raw --piece 1048576

step "Step 1: a project, and what its devices are to run"
file plant.yaml <<'YAML'
kind: project
name: plant
title: Plant
tagLevelSettings: {flowLogTransmission: ENABLED}
attestationPolicy:
  type: POLICY_TYPE_ATTESTATION
  attestationPolicy: {type: ATTEST_POLICY_TYPE_ACCEPT}
---
{kind: network, name: uplink, project: plant, ip: {dhcp: CLIENT}}
---
kind: app
name: web
visibleTo: [plant]
manifestJSON:
  name: web
  acKind: PodManifest
  acVersion: 1.2.0
  appType: APP_TYPE_CONTAINER
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_NOHYPER
  images: [{imagename: nginx-1.27, imageformat: CONTAINER, drvtype: HDD, target: Disk}]
  interfaces: [{name: eth0}]
  resources: [{name: cpus, value: "1"}, {name: memory, value: "65536"}]
YAML
eaves apply -f plant.yaml -f people.yaml
printf 'first password of olga\n' > olga.password
eaves user password olga --password-file olga.password

file policy.yaml <<'YAML'
kind: project
name: plant
networkPolicy:
  type: POLICY_TYPE_NETWORK
  networkPolicy:
    netInstanceConfig:
      - {name: apps, title: Apps, kind: NETWORK_INSTANCE_KIND_LOCAL,
         type: NETWORK_INSTANCE_DHCP_TYPE_V4, port: eth0, deviceDefault: true}
appPolicy:
  type: POLICY_TYPE_APP
  appPolicy:
    apps:
      - {name: web, title: Web, app: web, cpus: 1, memory: 65536, drives: 1, networks: 1,
         namingScheme: APP_NAMING_SCHEME_PROJECT_APP_DEVICE, nameProjectPart: plant,
         nameAppPart: web, interfaces: [{intfname: eth0, netinstname: apps}]}
YAML
eaves diff -f policy.yaml || test $? -eq 1   # 1: it would change something
eaves apply -f policy.yaml
eaves wait project plant --for appPolicy.status=READY --for networkPolicy.status=READY

file hall.yaml <<'YAML'
{kind: project, name: hall, title: Hall, type: TAG_TYPE_DEPLOYMENT}
---
kind: deployment
name: vision
project: hall
deploymentTag: v1
networkInstPolicies:
  - metaData: {name: cameras, title: Cameras, policyTargetCondition: {gpu: "true"}}
    netInstConfig: {kind: NETWORK_INSTANCE_KIND_LOCAL, type: NETWORK_INSTANCE_DHCP_TYPE_V4, port: eth0}
YAML
eaves apply -f hall.yaml
eaves explain deployment vision 2>&1   # no device yet: it says so
# The measured start of a golden device; simulated ones have no TPM, so the policy stays ACCEPT.
file golden.yaml <<'YAML'
templates:
  - name: golden
    eveVersion: 13.4.0
    PCRValues: [{index: 0, type: PCR_TYPE_HASH, value: "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}]
YAML
eaves model template Virtual-QEMU-AMD64 -f golden.yaml

step "Step 2: devices are ordered"
file devices.csv <<'CSV'
name,serialno,obkey,model,project,tag:site,network:eth0,usage:eth0
plant-00001,PLANT-00001,5d0767ee-0547-4569-b530-387e526f8cb9,Virtual-QEMU-AMD64,plant,north,uplink,MANAGEMENT
plant-00002,PLANT-00002,5d0767ee-0547-4569-b530-387e526f8cb9,Virtual-QEMU-AMD64,plant,south,uplink,MANAGEMENT
CSV
eaves device create devices.csv
eaves onboarding plant-00001 --out onboarding ${SERVER:+--server "$SERVER"}
eaves activate device plant-00001 plant-00002

step "Step 3: power and network are plugged in"
eaves fleet run --devices 2 --name plant --onboarding onboarding --profile eaves --hurry 20 \
  ${SERVER:+--server "$SERVER"} --json > fleet.json 2> fleet.log &
FLEET=$!
trap 'kill $FLEET 2> /dev/null || true' EXIT
eaves wait device --project plant --for state=ONLINE --timeout 60
eaves device attestation plant-00001 > attestation.yaml

step "Step 4: networks and apps come up"
eaves wait instance plant-web-plant-00001 plant-web-plant-00002 --for state=ONLINE --timeout 60
file byhand.yaml <<'YAML'
{kind: volume, name: notes, project: plant, device: plant-00001, type: BLOCKSTORAGE,
 accessmode: READWRITE, sizeBytes: "1048576", label: notes}
---
kind: instance
name: web-by-hand
project: plant
device: plant-00001
app: web
appType: CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives: [{imagename: nginx-1.27, drvtype: HDD, target: Disk}]
interfaces: [{intfname: eth0, intforder: 1, netinstname: apps-plant-00001}]
logs: {access: true}
YAML
eaves apply -f byhand.yaml
file deploy.yaml <<'YAML'
selectionCriteria: {project: plant, app: web}
instanceDeploy:
  instanceConfig:
    - appInstanceConfig: {name: many, activate: true}
      netInstanceDetail: {netInstanceDefault: true}
YAML
eaves job run deploy -f deploy.yaml --name deploy-many --wait
eaves wait instance web-by-hand --for state=ONLINE --timeout 60
eaves get instance -o wide

step "Step 5: watch and update"
eaves api GET /v1/devices/status-config -q summary=true > status.json
eaves api GET /v1/devices/status/locations > places.json
eaves api GET /v1/devices/name/plant-00001/timeSeries/METRIC_TYPE_CPU_USAGE > cpu.json
eaves flows top web-by-hand 2>&1
eaves get event > events.txt && head -5 events.txt
{ cat library.yaml; echo ---; sed -n '/^kind: app$/,$ p' plant.yaml; } | sed 's/1\.27/1.28/' > newer.yaml
eaves apply -f newer.yaml
eaves job run refresh --app web --name web-1.28 --wait
file os.yaml <<'YAML'
{kind: datastore, name: systems, dsType: HTTPS, dsFQDN: "https://files.example.com", dsPath: systems}
---
{kind: image, name: eve-14, datastore: systems, imageType: EVE, imageFormat: QCOW2,
 imageArch: AMD64, imageRelUrl: eve-14.qcow2, imageSizeBytes: 340000000, imageVersion: "14.0",
 imageSha256: 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58}
YAML
eaves apply -f os.yaml
eaves image latest eve-14
eaves job run upgrade -l site=north --image eve-14 --name os-14 --wait
file port.yaml <<'YAML'
kind: device
name: plant-00002
interfaces:
  - {intfname: eth0, intfUsage: MANAGEMENT, netname: uplink}
  - {intfname: eth1, intfUsage: APP_SHARED}
YAML
eaves apply -f port.yaml
file patch.yaml <<'YAML'
kind: patchenvelope
name: rules
project: plant
action: ACTIVATE
userDefinedVersion: "1"
artifacts:
  - format: OpaqueObjectCategoryInline
    base64Artifact: {base64Data: e30=, fileNameToUse: rules.json}
---
{kind: instance, name: web-by-hand, patchEnvelope: rules}
YAML
eaves apply -f patch.yaml

step "The end of a device's life"
eaves delete instance web-by-hand many-plant-00002
eaves delete volume notes
eaves deactivate device plant-00002
eaves device poweroff plant-00002
eaves device offboard plant-00002
eaves delete device plant-00002
eaves get device
kill $FLEET
wait $FLEET || true
eaves context use "$BEFORE"
eaves context delete acme
step "done"
