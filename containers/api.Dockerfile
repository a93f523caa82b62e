# The API: NumPy, BentoML, and the exported Bento, which brings its own model. No torch.
# `make images` exports the Bento to build/namelang.tar.gz, a compressed tar archive, which ADD
# unpacks; the context is the checkout.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV BENTOML_DO_NOT_TRACK=True BENTOML_HOME=/tmp/bentoml

# The list is complete (tests/test_bento.py), so nothing else may come along.
COPY service/requirements.txt /requirements.txt
RUN pip install --no-cache-dir --no-deps --requirement /requirements.txt

ADD build/namelang.tar.gz /bento/
# BentoML's archive lets nobody but its owner into the folder.
RUN chmod 755 /bento && python -m compileall -q /bento/src
# A new volume that is mounted here belongs to the one who may write to it.
RUN mkdir /store && chown 10001:10001 /store

USER 10001:10001
EXPOSE 3000
# Where BentoML believes that it is in a container, which the mere presence of either variable
# tells it, it does not replace a worker that died, and the container would go on with fewer.
ENTRYPOINT ["env", "-u", "BENTOML_CONTAINERIZED", "-u", "BENTOCLOUD_DEPLOYMENT_URL", "python", "-m", "bentoml", "serve", "/bento"]
CMD ["--host", "0.0.0.0"]
