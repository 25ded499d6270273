window.config = {
  name: "dicom-node",
  routerBasename: "/",
  extensions: [],
  modes: [],
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  showLoadingIndicator: true,
  showErrorDetails: "always",
  investigationalUseDialog: { option: "never" },
  // OHIF puts its player over every series of modality OT: over what the overlay says first.
  customizationService: [{ autoCineModalities: { $set: ["US"] } }],
  defaultDataSourceName: "dicomweb",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "dicomweb",
      configuration: {
        friendlyName: "Orthanc",
        name: "orthanc",
        wadoUriRoot: "/dicom-web",
        qidoRoot: "/dicom-web",
        wadoRoot: "/dicom-web",
        qidoSupportsIncludeField: true,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        bulkDataURI: { enabled: true, relativeResolution: "series" },
      },
    },
  ],
};
