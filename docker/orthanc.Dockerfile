# Debian's Orthanc with its DICOMweb plugin: the one that the tests run against.

FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive \
       apt-get install -y --no-install-recommends orthanc orthanc-dicomweb \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o orthanc -g orthanc /var/lib/orthanc/pairing
COPY orthanc /pairing
USER orthanc
EXPOSE 4242 8042
ENTRYPOINT ["Orthanc", "/pairing/orthanc.json"]
