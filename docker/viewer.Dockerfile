# OHIF over the Orthanc beside it, on one origin. The viewer is its makers' npm package, whose files are
# complete in themselves: the one that the tests look through.

FROM node:22-trixie-slim AS package
WORKDIR /viewer
RUN npm pack --silent @ohif/app@3.12.10 \
    && tar -xzf ohif-app-3.12.10.tgz package/dist \
    && rm ohif-app-3.12.10.tgz

FROM debian:trixie-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light gettext-base \
    && rm -rf /var/lib/apt/lists/*
COPY --from=package /viewer/package/dist /srv/viewer
COPY docker/viewer/app-config.js /srv/viewer/app-config.js
COPY docker/viewer/nginx.conf docker/viewer/start /etc/viewer/
EXPOSE 3000
STOPSIGNAL SIGQUIT
USER www-data
ENTRYPOINT ["sh", "/etc/viewer/start"]
